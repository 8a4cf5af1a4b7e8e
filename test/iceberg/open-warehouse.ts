/** A warehouse in a folder of its own for a test file, and its rows as plain values. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll } from 'vitest'
import type { Table } from '../../src/iceberg/table.ts'
import { openWarehouse, type Warehouse, type WarehouseOptions } from '../../src/iceberg/warehouse.ts'

export type TestWarehouse = Warehouse & {
  folder: string
  /** The rows of a query as JSON values in the order of their text; integers beyond 2^53, decimals and times are text. */
  values(sql: string): Promise<unknown[][]>
  /** All rows of a table in a state. */
  all(table: Table, ...options: Parameters<Table['scanSql']>): Promise<unknown[][]>
}

/** Opens a warehouse that is gone after the test file. */
export async function testWarehouse(options: WarehouseOptions = {}): Promise<TestWarehouse> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-warehouse-'))
  const warehouse = await openWarehouse(folder, { memoryBytes: 2 * 2 ** 30, threads: 2, ...options })
  afterAll(() => {
    warehouse.close()
    fs.rmSync(folder, { recursive: true, force: true })
  })
  const values = async (sql: string): Promise<unknown[][]> => sorted((await warehouse.show(sql)).rows)
  const all: TestWarehouse['all'] = async (table, scan) => values(`SELECT * FROM ${await table.scanSql(scan)}`)
  return { ...warehouse, folder, values, all }
}

/** Rows in the order of their text. */
export function sorted<T>(rows: readonly T[]): T[] {
  const texts = new Map(rows.map((row) => [row, JSON.stringify(row)]))
  const textOf = (row: T): string => texts.get(row) as string
  return [...rows].sort((a, b) => (textOf(a) < textOf(b) ? -1 : textOf(a) > textOf(b) ? 1 : 0))
}

/** The files below a table's data folder. */
export function dataFiles(table: Table): string[] {
  const folder = path.join(table.metadata.location, 'data')
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
}
