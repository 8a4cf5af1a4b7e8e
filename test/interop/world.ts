/** A warehouse of Millrace with its REST catalog, the other implementations beside it, and plain DuckDB for the answers. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { openSession, type Session } from '../../src/engines/duckdb/session.ts'
import { serveCatalog } from '../../src/iceberg/rest-server.ts'
import { openWarehouse, type Warehouse } from '../../src/iceberg/warehouse.ts'
import { type Driver, startDriver } from './driver.ts'
import type { Tools } from './tools.ts'

export type World = {
  folder: string
  warehouse: Warehouse
  /** The address of the REST catalog. */
  url: string
  /** Has catalogs `folder` (Hadoop's layout), `uri` (the same by a `file:///` address) and `rest`. */
  spark: Driver
  /** PyIceberg and DuckDB's extension, which has the REST catalog attached as `rest`. */
  python: Driver
  /** Plain tables, changed by the same statements: what every reader must give. */
  model: Session
  close(): Promise<void>
}

const memoryBytes = 2 * 2 ** 30

/** Starts everything that is here; asking for a part that is not throws why. */
export async function makeWorld(tools: Tools): Promise<World> {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-interop-'))
  const folder = path.join(home, 'warehouse')
  fs.mkdirSync(folder)
  const spill = path.join(home, 'spill')
  const starting = [
    starter(tools.sparkMissing, () => startDriver(tools.python, 'spark.py', [tools.jar], home)),
    starter(tools.pythonMissing, () => startDriver(tools.python, 'python.py', [], home)),
  ] as const
  const warehouse = await openWarehouse(folder, { memoryBytes, threads: 2, spill: path.join(home, 'own-spill') })
  const server = await serveCatalog(warehouse.catalog, { port: 0, host: '127.0.0.1' })
  const model = await openSession({ memoryBytes, threads: 2, spill })
  const [spark, python] = await Promise.all(starting)
  const world = { folder, warehouse, url: server.url, spark, python, model }
  if (tools.sparkMissing === undefined) {
    await spark.ask('catalog', { name: 'folder', settings: { type: 'hadoop', warehouse: folder } })
    await spark.ask('catalog', { name: 'uri', settings: { type: 'hadoop', warehouse: `file://${folder}` } })
    await spark.ask('catalog', { name: 'rest', settings: { type: 'rest', uri: server.url } })
  }
  if (tools.pythonMissing === undefined) {
    const attach = `ATTACH '' AS rest (TYPE iceberg, ENDPOINT '${server.url}', AUTHORIZATION_TYPE 'none')`
    await python.ask('duck', { sql: attach })
  }
  return {
    ...world,
    close: async () => {
      await Promise.all([spark.close(), python.close()])
      await server.close()
      await warehouse.close()
      model.close()
      fs.rmSync(home, { recursive: true, force: true })
    },
  }
}

async function starter(missing: string | undefined, start: () => Promise<Driver>): Promise<Driver> {
  if (missing === undefined) return start()
  return { ask: () => Promise.reject(new Error(missing)), close: () => Promise.resolve() }
}
