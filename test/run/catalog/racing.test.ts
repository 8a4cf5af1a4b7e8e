/** Two runs that register the same table for the first time, at once. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import folderStore from '../../../src/stores/folder.ts'
import { catalogOf, database, run, staged, stagedPipeline, wide, writeFile, writeSnapshot } from './lake.ts'

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-racing-'))
afterAll(() => fs.rmSync(base, { recursive: true, force: true }))

it('the later one is told to run again, and then has nothing to do', async () => {
  const root = fs.mkdtempSync(path.join(base, 'root-'))
  await writeFile(root, `${staged}/IBE_01/part-0.parquet`, wide(3))
  writeSnapshot(root, '2025-01-15')
  const store = folderStore(root)
  let isFirst = true
  const overtaken = {
    ...store,
    createExclusive: async (file: string, content: string) => {
      if (isFirst && file.includes('/tables/')) {
        isFirst = false
        await store.createExclusive(file, content)
      }
      await store.createExclusive(file, content)
    },
  }
  const state = await run(root, stagedPipeline(), { store: overtaken })
  expect(state.status).toBe('failed')
  expect(state.error).toBe(`table ${database}.ext_ibe_01  was registered by another run meanwhile. Run again`)
  expect((await run(root, stagedPipeline())).metrics).toMatchObject({ tables_registered: 1, tables_changed: 0 })
  expect(await catalogOf(root).getTable(database, 'ext_ibe_01')).not.toBeNull()
})
