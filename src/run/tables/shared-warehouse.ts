/** The Iceberg tables of a root, opened when the first task needs them and closed with the last: tasks side by side share one memory. */
import { setMaxListeners } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { icebergFolder } from '../../define/iceberg-tables.ts'
import { openWarehouse, type Warehouse } from '../../iceberg/warehouse.ts'
import type { Store } from '../../store.ts'

export type SharedWarehouse = { acquire(): Promise<WarehouseLease> }

/** What a task has of it. `scratch` is an absolute folder of its own for what is on its way; `unique` gives names that nobody else has. Release it. */
export type WarehouseLease = {
  warehouse: Warehouse
  scratch: string
  shared: SharedTables
  unique(): string
  release(): Promise<void>
}

/** The tables that workspaces share, by their names, which come of their queries. `ready` is their making, or with no users their end. */
export type SharedTables = Map<string, { users: number; ready: Promise<void> }>

export type SharedWarehouseOptions = {
  store: Store
  memoryBytes: number
  threads: number
  signal: AbortSignal
  /** Below the root, so that a kill leaves it where it is cleaned up; null: in a temporary folder. */
  spill: string | null
}

type Opened = { warehouse: Warehouse; shared: SharedTables; spill: string; users: number }

/** Shares a warehouse; nothing is opened before it is acquired. */
export function sharedWarehouse({
  store,
  memoryBytes,
  threads,
  signal,
  spill,
}: SharedWarehouseOptions): SharedWarehouse {
  // Each connection listens; how many there are at once says nothing of a leak.
  const own = AbortSignal.any([signal])
  setMaxListeners(0, own)
  let opened: Promise<Opened> | null = null
  let leases = 0
  const open = async (): Promise<Opened> => {
    const folder = spill === null ? fs.mkdtempSync(join(tmpdir(), 'millrace-tables-')) : store.locate(spill)
    fs.mkdirSync(folder, { recursive: true })
    const options = { memoryBytes, threads, signal: own, spill: join(folder, 'duckdb') }
    const warehouse = await openWarehouse(store.locate(icebergFolder), options)
    return { warehouse, shared: new Map(), spill: folder, users: 0 }
  }
  return {
    acquire: async () => {
      opened ??= open()
      const current = opened
      const shared = await current.catch((error: unknown) => {
        opened = null
        throw error
      })
      shared.users += 1
      leases += 1
      const name = `lease_${leases}`
      let names = 0
      const unique = (): string => {
        names += 1
        return `${name}_${names}`
      }
      const scratch = join(shared.spill, name)
      fs.mkdirSync(scratch, { recursive: true })
      return {
        ...{ warehouse: shared.warehouse, shared: shared.shared, scratch, unique },
        release: async () => {
          fs.rmSync(scratch, { recursive: true, force: true })
          shared.users -= 1
          if (shared.users > 0) return
          if (opened === current) opened = null
          shared.warehouse.close()
          if (spill === null) fs.rmSync(shared.spill, { recursive: true, force: true })
        },
      }
    },
  }
}
