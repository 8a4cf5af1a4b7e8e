/** docs/iceberg.md is a program that prints what the page says. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it, vi } from 'vitest'

const page = fs.readFileSync(fileURLToPath(new URL('../../docs/iceberg.md', import.meta.url)), 'utf8')
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-docs-'))
const library = fileURLToPath(new URL('../../src/iceberg.ts', import.meta.url))
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

it('has examples that print what stands behind them', async () => {
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => String(match[1]))
  const program = blocks.join('').replace(`'millrace/iceberg'`, `'${library}'`).replace(`'lake'`, `'${folder}/lake'`)
  const expected = [...program.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm)].map((match) => match[1])
  expect(expected.length).toBeGreaterThan(10)
  fs.writeFileSync(path.join(folder, 'page.ts'), program)
  const printed: string[] = []
  const { formatWithOptions } = await import('node:util')
  const log = vi.spyOn(console, 'log').mockImplementation((...values) => {
    printed.push(formatWithOptions({ breakLength: Number.POSITIVE_INFINITY }, ...values))
  })
  try {
    await import(/* @vite-ignore */ path.join(folder, 'page.ts'))
  } finally {
    log.mockRestore()
  }
  expect(printed).toEqual(expected)
})
