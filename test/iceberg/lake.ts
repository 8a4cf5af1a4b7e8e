/** A folder with one table, gone after the test file. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll } from 'vitest'
import { type FolderCatalog, folderCatalog } from '../../src/iceberg/folder-catalog.ts'
import { assignIds } from '../../src/iceberg/schema.ts'
import { partitionFields } from '../../src/iceberg/terms.ts'
import { icebergType } from '../../src/iceberg/type-text.ts'
import type { Field, LoadedTable, NewTable } from '../../src/iceberg/types.ts'
import { table } from './listed-files.ts'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true })
})

/** A new folder. */
export function temporaryFolder(): string {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-iceberg-')))
  folders.push(folder)
  return folder
}

/** Columns from name → type. */
export function columns(types: Record<string, string>): Field[] {
  return assignIds(
    Object.entries(types).map(([name, type]) => ({ id: 0, name, required: false, type: icebergType(type) })),
  )
}

/** The definition of a table with a few columns. */
export function definition(partitionBy: string[] = [], properties: Record<string, string> = {}): NewTable {
  const fields = columns({ id: 'long', state: 'string', acres: 'decimal(9,2)', planted: 'date', seen: 'timestamptz' })
  return { schema: { fields }, spec: partitionFields({ fields }, partitionBy), properties }
}

/** A catalog with one table. */
export async function lakeWith(
  given: NewTable = definition(),
): Promise<{ catalog: FolderCatalog; folder: string; loaded: LoadedTable }> {
  const folder = temporaryFolder()
  const catalog = folderCatalog(folder)
  return { catalog, folder, loaded: await catalog.create(table, given) }
}
