/** DuckDB through the suite that every engine must pass, and how its connections share threads. */
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { expect, it } from 'vitest'
import { openDatabase } from '../../src/engines/duckdb/session.ts'
import duckdbEngine from '../../src/engines/duckdb.ts'
import { bucketSuite } from './buckets.ts'
import { conversionSuite } from './conversions.ts'
import { engineSuite } from './suite.ts'

engineSuite('duckdb', duckdbEngine, {})

conversionSuite('duckdb', () => duckdbEngine())
bucketSuite('duckdb', () => duckdbEngine())

it('gives connections that work side by side together no more threads than there are, each at least its own, and leaves theirs to those to come', async () => {
  const database = await openDatabase({
    ...{ memoryBytes: 2 ** 30, threads: 3 },
    spill: path.join(tmpdir(), 'none'),
    sharesThreads: true,
  })
  let toCome = 0
  const first = await database.connect({ toCome: () => toCome })
  const threads = async (): Promise<number> =>
    Number((await first.rows("SELECT current_setting('threads') AS n"))[0]?.n)
  expect(await threads()).toBe(3)
  const others = [await first.fork(), await database.connect({ schema: 'other' })]
  expect(await threads()).toBe(1)
  others.push(await first.fork())
  expect(await threads()).toBe(1)
  for (const other of others) other.close()
  expect(await threads()).toBe(3)
  await expect(database.connect({ signal: AbortSignal.abort() })).rejects.toThrow('stopped on request')
  expect(await threads()).toBe(3)
  toCome = 1
  expect(await threads()).toBe(2)
  toCome = 0
  expect(await threads()).toBe(3)
  first.close()
  database.close()
})
