/** Everyone who can read a table, by one way each. */
import { canonicalRows } from './canonical.ts'
import type { Rows } from './driver.ts'
import type { Subject } from './subject.ts'
import type { World } from './world.ts'

/** Which snapshot to read: an id, or the name of a branch or tag. */
export type At = { snapshot?: bigint; ref?: string }
export type Reader = {
  name: string
  needs: 'spark' | 'python' | undefined
  read(world: World, subject: Subject, at: At): Promise<Rows>
}

export const readers: Reader[] = [
  {
    name: 'Millrace',
    needs: undefined,
    read: async (_world, { table }, at) => {
      await table.refresh()
      return canonicalRows(await table.rows(at), table.schema.fields)
    },
  },
  { name: 'Spark, folder', needs: 'spark', read: (world, subject, at) => spark(world, 'folder', subject, at) },
  { name: 'Spark, REST', needs: 'spark', read: (world, subject, at) => spark(world, 'rest', subject, at) },
  {
    name: 'PyIceberg, file',
    needs: 'python',
    read: async (world, subject, at) =>
      world.python.ask('static', { metadata: await metadataFile(world, subject.name), ...(await byId(subject, at)) }),
  },
  {
    name: 'PyIceberg, REST',
    needs: 'python',
    read: async (world, { name }, at) =>
      world.python.ask('rest', { uri: world.url, table: name, ...snapshotText(at), ref: at.ref ?? null }),
  },
  {
    name: 'DuckDB, file',
    needs: 'python',
    read: async (world, subject, at) => {
      const { snapshot } = await byId(subject, at)
      const option = snapshot === undefined ? '' : `, snapshot_from_id = ${snapshot}`
      const sql = `SELECT * FROM iceberg_scan('${await metadataFile(world, subject.name)}'${option})`
      return world.python.ask('duck', { sql })
    },
  },
  {
    name: 'DuckDB, REST',
    needs: 'python',
    read: async (world, subject, at) => {
      const { snapshot } = await byId(subject, at)
      const version = snapshot === undefined ? '' : ` AT (VERSION => ${snapshot})`
      return world.python.ask('duck', { sql: `SELECT * FROM rest.${subject.name}${version}` })
    },
  },
]

/** The newest metadata file of a table. */
export async function metadataFile({ warehouse }: World, name: string): Promise<string> {
  const [namespace, table] = name.split('.') as [string, string]
  return (await warehouse.catalog.load({ namespace, name: table })).metadataLocation
}

function spark(world: World, catalog: string, { name }: Subject, { snapshot, ref }: At): Promise<Rows> {
  const version =
    snapshot === undefined ? (ref === undefined ? '' : ` VERSION AS OF '${ref}'`) : ` VERSION AS OF ${snapshot}`
  return world.spark.ask('sql', { sql: `SELECT * FROM ${catalog}.${name}${version}` })
}

function snapshotText({ snapshot }: At): { snapshot?: string } {
  return snapshot === undefined ? {} : { snapshot: String(snapshot) }
}

/** Where a reader has no names for branches and tags, the snapshot that the name stands for. */
async function byId(subject: Subject, at: At): Promise<{ snapshot?: string }> {
  if (at.ref === undefined) return snapshotText(at)
  await subject.table.refresh()
  return { snapshot: String(subject.table.snapshot({ ref: at.ref })?.['snapshot-id']) }
}
