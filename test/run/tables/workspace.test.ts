/** Workspaces of one warehouse: what they share is made once and goes with the last of them. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sharedWarehouse, type WarehouseLease } from '../../../src/run/tables/shared-warehouse.ts'
import { openWorkspace, type Workspace } from '../../../src/run/tables/workspace.ts'
import folderStore from '../../../src/stores/folder.ts'

const root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-workspace-'))
const signal = new AbortController().signal
const options = { store: folderStore(root), memoryBytes: 2 ** 30, threads: 2, signal, spill: null }
const leases: WarehouseLease[] = []
let workspaces: [Workspace, Workspace]

beforeAll(async () => {
  const shared = sharedWarehouse(options)
  leases.push(await shared.acquire(), await shared.acquire())
})
afterAll(async () => {
  for (const lease of leases) await lease.release()
  fs.rmSync(root, { recursive: true })
})

async function open(): Promise<[Workspace, Workspace]> {
  workspaces = [await openWorkspace(leases[0] as WarehouseLease), await openWorkspace(leases[1] as WarehouseLease)]
  return workspaces
}

async function tables(lease = leases[0] as WarehouseLease): Promise<unknown[]> {
  const session = await lease.warehouse.session()
  const rows = await session.rows(`SELECT table_name AS name FROM duckdb_tables() WHERE database_name = 'memory'`)
  session.close()
  return rows.map(({ name }) => name)
}

describe('a query that two workspaces share', () => {
  it('is made once, stays while one of them needs it, and is made again afterwards', async () => {
    // Made twice it would not give the same number.
    const query = 'SELECT random() AS number'
    for (const _ of ['first', 'again']) {
      const [one, other] = await open()
      const names = await Promise.all([one.share(query), other.share(query), one.share(query)])
      expect(new Set(names).size).toBe(1)
      expect(await tables()).toEqual([names[0]])
      const read = (workspace: Workspace): Promise<unknown> => workspace.session.rows(`FROM memory.main.${names[0]}`)
      const rows = await read(one)
      await one.close()
      expect(await read(other)).toEqual(rows)
      const closing = other.close()
      const later = await openWorkspace(leases[0] as WarehouseLease)
      expect(await later.share(query)).toBe(names[0])
      await closing
      expect(await read(later)).not.toEqual(rows)
      await later.close()
      expect(await tables()).toEqual([])
    }
  })

  it('fails for both, and leaves nothing', async () => {
    const [one, other] = await open()
    const failures = await Promise.allSettled([one.share('SELECT nothing'), other.share('SELECT nothing')])
    expect(failures.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await one.close()
    await other.close()
    expect(await tables()).toEqual([])
  })
})
