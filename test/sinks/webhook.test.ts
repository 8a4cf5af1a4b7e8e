/** Alerts over HTTP, to a real server on this machine. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import webhook from '../../src/sinks/webhook.ts'

const alert = { pipeline: 'chargebacks', run: 'chargebacks-1', status: 'failed', messages: ['it’s "late"\n', 'b'] }
const received: { method: string | undefined; type: string | undefined; body: string }[] = []
let server: Server
let address: string

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => {
      body += part
    })
    request.on('end', () => {
      received.push({ method: request.method, type: request.headers['content-type'], body })
      response.statusCode = request.url?.startsWith('/refuses') ? 403 : 204
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

describe('a webhook', () => {
  it('sends the alert as JSON', async () => {
    await webhook(`${address}/hook?key=secret`).notify(alert)
    expect(received).toHaveLength(1)
    expect(received[0]).toMatchObject({ method: 'POST', type: 'application/json' })
    expect(JSON.parse(received[0]?.body ?? '')).toEqual(alert)
  })

  it('says what the server answered where that is no success, and never the URL', async () => {
    const failed = webhook(`${address}/refuses?key=secret`).notify(alert)
    await expect(failed).rejects.toThrow('the webhook answered 403 Forbidden')
  })

  it('refuses what is no URL without showing it', () => {
    expect(() => webhook('not a url, secret')).toThrow(/the URL of a webhook is no URL/)
    expect(() => webhook('not a url, secret')).not.toThrow(/secret/)
  })
})
