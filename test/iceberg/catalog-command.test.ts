import { describe, expect, it } from 'vitest'
import { main } from '../../src/cli.ts'
import { folderCatalog } from '../../src/iceberg/folder-catalog.ts'
import { definition, temporaryFolder } from './lake.ts'
import { table } from './listed-files.ts'

/** Runs a command line in this process; `stop` is Ctrl-C. */
function started(folder: string, args: string[]) {
  const stop = new AbortController()
  const [stdout, stderr]: [string[], string[]] = [[], []]
  const code = main(args, {
    systems: [],
    version: '0',
    command: 'millrace',
    folder,
    variables: {},
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    signal: stop.signal,
    now: () => new Date(),
  })
  return { code, stdout, stderr, stop: () => stop.abort() }
}

async function firstLine(stdout: readonly string[]): Promise<string> {
  while (stdout.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  return (stdout[0] as string).trim()
}

describe('catalog serve', () => {
  it('serves the tables of a root until it is stopped', async () => {
    const folder = temporaryFolder()
    await folderCatalog(`${folder}/lake/iceberg`).create(table, definition())
    const { code, stdout, stderr, stop } = started(folder, ['catalog', 'serve', '--port', '0'])
    const url = await firstLine(stdout)
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    const listed = await (await fetch(`${url}/v1/namespaces/farm/tables`)).json()
    expect(listed).toEqual({ identifiers: [{ namespace: ['farm'], name: 'tracts' }] })
    expect(stderr.join('')).toBe(`serving ${folder}/lake/iceberg until Ctrl-C\n`)
    stop()
    expect(await code).toBe(0)
    await expect(fetch(`${url}/v1/config`)).rejects.toThrow()
  })

  it('gives its address as JSON', async () => {
    const { code, stdout, stop } = started(temporaryFolder(), ['catalog', 'serve', '--port', '0', '--json', '--quiet'])
    expect(JSON.parse(await firstLine(stdout))).toEqual({ url: expect.stringMatching(/^http:/) })
    stop()
    expect(await code).toBe(0)
  })

  it.each([
    [['catalog'], 'what shall the catalog do? (serve)'],
    [['catalog', 'serv'], 'the catalog cannot serv (serve); did you mean serve?'],
    [['catalog', 'serve', '--port', '70000'], '--port 70000 is refused: expected a whole number from 0 to 65535'],
  ])('%j is wrong usage', async (args, message) => {
    const { code, stderr } = started(temporaryFolder(), args)
    expect([await code, stderr.join('')]).toEqual([2, `millrace: ${message}\n`])
  })
})
