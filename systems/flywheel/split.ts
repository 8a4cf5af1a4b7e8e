/** The steps that split a snapshot, and what lies between their parameters and the task. */
import { allColumns, type FanOutTask, fanOut, partitionedTables, snapshots, splitSpec, stagedTables } from 'millrace'
import { key, type Loaded, places, snapshotDate } from './parameters.ts'

type Params = { snapshotDt: string }

/** Columns of infobase → one folder a table, and the date of the snapshot beside them. */
export function infobaseStaged(params: Params, loaded: Loaded): FanOutTask {
  return split('infobase-split-and-bucket', params, loaded, {
    source: places.infobase,
    target: `${places.staged}/infobase_attributes`,
    spec: places.stagedSpec,
    to: stagedTables,
    twin: `${places.partitioned}/infobase_attributes`,
  })
}

/** The addressable ids, with all of their columns unless a spec is given. */
export function addressableStaged(params: Params, loaded: Loaded): FanOutTask {
  return split('addressable-bucket', params, loaded, {
    source: places.addressableCompacted,
    target: `${places.staged}/addressable_ids`,
    spec: null,
    to: stagedTables,
  })
}

/** Columns of infobase → one partition a table. */
export function infobasePartitioned(params: Params, loaded: Loaded): FanOutTask {
  return split('infobase-split-and-part', params, loaded, {
    source: places.infobase,
    target: `${places.partitioned}/infobase_attributes`,
    spec: places.partitionedSpec,
    to: partitionedTables,
    twin: `${places.staged}/infobase_attributes`,
  })
}

/** The addressable ids as one table, whose partitions lie in its own folder. */
export function addressablePartitioned(params: Params, loaded: Loaded): FanOutTask {
  return split('addressable-split-and-part', params, loaded, {
    source: places.addressable,
    target: `${places.partitioned}/addressable_ids`,
    spec: places.addressableSpec,
    to: (path) => partitionedTables(path, { inOwnFolder: true }),
  })
}

/** Where a step reads and writes unless it is told otherwise; `spec` null: every column in one table. */
type Split = {
  source: string
  target: string
  spec: string | null
  to: (path: string) => FanOutTask['to']
  twin?: string
}

function split(
  name: string,
  { snapshotDt }: Params,
  loaded: Loaded,
  { source, target, spec, to, twin }: Split,
): FanOutTask {
  const { sourcePath = source, targetPath = target, csvFile } = loaded.of(name)
  const text = csvFile === undefined ? null : loaded.csvText
  const file = csvFile ?? spec
  return fanOut(name, {
    jobName: `etl-omc-flywheel-{env}-${name}`,
    from: snapshots(sourcePath, { date: snapshotDate(snapshotDt) }),
    tables: file === null ? allColumns('addressable_ids') : splitSpec({ file, text, key }),
    key,
    to: to(targetPath),
    ...(twin === undefined ? {} : { twin }),
  })
}
