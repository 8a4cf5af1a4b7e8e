/** The steps that split a snapshot, and what lies between their parameters and the task. */
import {
  allColumns,
  type FanOutTask,
  fanOut,
  partitionedTables,
  type SplitSpec,
  snapshots,
  splitSpec,
  stagedTables,
} from 'millrace'
import { key, type Loaded, places, snapshotDate } from './parameters.ts'

type Params = { snapshotDt: string }

/** Columns of infobase → one folder a table, and the date of the snapshot beside them. */
export function infobaseStaged({ snapshotDt }: Params, loaded: Loaded): FanOutTask {
  const name = 'infobase-split-and-bucket'
  const { sourcePath = places.infobase, targetPath = `${places.staged}/infobase_attributes` } = loaded.of(name)
  return fanOut(name, {
    jobName: `etl-omc-flywheel-{env}-${name}`,
    from: snapshots(sourcePath, { date: snapshotDate(snapshotDt) }),
    tables: spec(name, places.stagedSpec, loaded),
    key,
    to: stagedTables(targetPath),
    twin: `${places.partitioned}/infobase_attributes`,
  })
}

/** The addressable ids, with all of their columns. */
export function addressableStaged({ snapshotDt }: Params, loaded: Loaded): FanOutTask {
  const name = 'addressable-bucket'
  const {
    sourcePath = places.addressableCompacted,
    targetPath = `${places.staged}/addressable_ids`,
    csvFile,
  } = loaded.of(name)
  return fanOut(name, {
    jobName: `etl-omc-flywheel-{env}-${name}`,
    from: snapshots(sourcePath, { date: snapshotDate(snapshotDt) }),
    tables: csvFile === undefined ? allColumns('addressable_ids') : spec(name, csvFile, loaded),
    key,
    to: stagedTables(targetPath),
  })
}

/** Columns of infobase → one partition a table. */
export function infobasePartitioned({ snapshotDt }: Params, loaded: Loaded): FanOutTask {
  const name = 'infobase-split-and-part'
  const { sourcePath = places.infobase, targetPath = `${places.partitioned}/infobase_attributes` } = loaded.of(name)
  return fanOut(name, {
    jobName: `etl-omc-flywheel-{env}-${name}`,
    from: snapshots(sourcePath, { date: snapshotDate(snapshotDt) }),
    tables: spec(name, places.partitionedSpec, loaded),
    key,
    to: partitionedTables(targetPath),
    twin: `${places.staged}/infobase_attributes`,
  })
}

/** The addressable ids as one table, whose partitions lie in its own folder. */
export function addressablePartitioned({ snapshotDt }: Params, loaded: Loaded): FanOutTask {
  const name = 'addressable-split-and-part'
  const { sourcePath = places.addressable, targetPath = `${places.partitioned}/addressable_ids` } = loaded.of(name)
  return fanOut(name, {
    jobName: `etl-omc-flywheel-{env}-${name}`,
    from: snapshots(sourcePath, { date: snapshotDate(snapshotDt) }),
    tables: spec(name, places.addressableSpec, loaded),
    key,
    to: partitionedTables(targetPath, { inOwnFolder: true }),
  })
}

function spec(step: string, fallback: string, { of, csvText }: Loaded): SplitSpec {
  const { csvFile } = of(step)
  return splitSpec({ file: csvFile ?? fallback, text: csvFile === undefined ? null : csvText, key })
}
