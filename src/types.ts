/**
 * The nouns of Millrace, as plain values. Nothing here does anything; every step and shelf speaks in these types.
 */

/** A value that survives JSON. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * A column and its type in Hive's spelling: `string`, `boolean`, `tinyint`, `smallint`, `int`, `bigint`, `float`,
 * `double`, `decimal(p,s)`, `date`, `timestamp` (no zone, UTC by agreement), `timestamptz`, `time`, `binary`,
 * `array<…>`, `map<…,…>`, `struct<name:type,…>`.
 */
export type Column = { name: string; type: string }

/** Parquet compression codecs that can be written. */
export const codecs = ['snappy', 'gzip', 'zstd', 'lz4_raw', 'uncompressed'] as const
export type Codec = (typeof codecs)[number]

/** What identifies the content of a file. `path` is relative to the root, with `/`; `sha256` is hexadecimal. */
export type FileIdentity = { path: string; bytes: number; sha256: string }

/**
 * A file that was consumed; `isRefused` when the declared columns did not fit it, which another definition may mend.
 * `modifiedMs` is when it was last changed, as its store tells: a file of the same path, size and time need not be read
 * again to be known. `sameAs` is the path of a file with the same content, which was consumed instead.
 */
export type ConsumedFile = FileIdentity & { isRefused?: true; modifiedMs?: number; sameAs?: string }

/**
 * A data file that was looked into: `rows` and `columns` come from its footer. `nullColumns` hold nothing but nulls,
 * as their statistics tell: whatever type a writer chose for them, they fit any other.
 */
export type DataFile = FileIdentity & { rows: number; columns: Column[]; nullColumns: string[] }

/** A file that cannot be read as what it should be, and why. */
export type UnreadableFile = FileIdentity & { reason: string }

// ---------------------------------------------------------------------------------------------------------- the Plan

/**
 * Files read as one relation. The relation has exactly `columns`, in that order: a file's column is matched by name
 * without regard to case and widened to the type given, a missing one is null. `schemas` are the distinct physical
 * schemas of the files; every file names its own by index, and the files are listed in the order of that index.
 * With `lineage` the relation has two more columns, `_file` (int): the position in `files` of the row's file, and `_row`
 * (bigint): the row's position in its file, from 0; and a relation `<name>_files` (`file_number` int, `path` string) is
 * there beside it.
 */
export type PlanInput = {
  name: string
  columns: Column[]
  lineage: boolean
  schemas: Column[][]
  files: PlanInputFile[]
}
export type PlanInputFile = FileIdentity & { rows: number; schema: number }

/** A named query in the portable SQL subset over inputs and earlier views. `once`: it is read more than once. */
export type SqlView = { name: string; sql: string; once: boolean }

/**
 * The greatest row of every key: of the rows of `from` (a view with `once`) for which `where` holds, those that are
 * first in their `key` by `orderBy` (expressions, each descending with nulls last). Has the columns `columns`. With
 * `superseded` there is a view of that name with the same columns beside it, of the rows that are not first.
 */
export type NewestView = {
  name: string
  columns: string[]
  newest: { from: string; where: string; key: string[]; orderBy: string[]; superseded?: string }
}

/** Keys that occur more than once: of the rows of the view `from` for which `where` holds. Has the columns `key`. */
export type RepeatedView = { name: string; repeated: { from: string; where: string; key: string[] } }
export type PlanView = SqlView | NewestView | RepeatedView

/** A query with exactly one row of numbers; each column is a metric of that name. */
export type PlanMetrics = { name: string; sql: string }

/**
 * A view written as Parquet into the staging folder `<staging>/<name>/`. `fileCount` n: exactly n files whose row counts
 * differ by at most one, fewer only when there are fewer rows; no rows, no file. With `split` it is one file (and
 * `fileCount` 1) for each of the values of a text column of the view, which is not written, in the folder `<name>/<index of
 * the value>/`; rows of other values are not written. With `bucketed` it is one file for each of Hive's buckets that has
 * rows (and `fileCount` is the number of buckets): `<name>/000017_0.parquet`, sorted by those columns, nulls first. With
 * `linked` the output is there already, as these files of a folder: no engine is asked for it, Millrace stages the files
 * under another name.
 */
export type PlanOutput = {
  name: string
  view: string
  columns: Column[]
  codec: Codec
  fileCount: number
  split?: { by: string; values: string[] }
  bucketed?: { columns: string[]; count: number; version: 1 | 2 }
  linked?: { folder: string; files: PublishedFile[] }
}

/**
 * Where a staged output goes once the run is decided. `replace`: the folder then holds nothing else. `remove`: the folder
 * goes, no output stands for it. `table` is null for what is no table: a state that Millrace keeps for itself.
 */
export type PublishStep = {
  output: string
  /** Of a split output the value whose file it is. */
  part?: string
  target: string
  mode: 'replace' | 'append' | 'remove'
  table: TableName | null
  partition: PartitionValue[]
  columns: Column[]
}
export type TableName = { database: string; table: string }
export type PartitionValue = { column: string; value: string }

/**
 * A number of rows, from a source that nobody else's number comes from: what the footers of an input's files say, what
 * was written of an output, what a `newest` view left out, or one metric.
 */
export type RowCount =
  | { input: string }
  | { output: string }
  | { superseded: string }
  | { metric: [set: string, name: string] }

/** Counts that must be equal in sum, by their names in `counts`; else nothing is published. */
export type Balance = { in: (keyof CommitCounts)[]; out: (keyof CommitCounts)[] }

/**
 * What Millrace does with the staged outputs after the engine is done. The commit is numbered within `scope`;
 * `after` is the number of the commit the plan was made from, 0 for none.
 */
export type Publication = {
  scope: string
  after: number
  steps: PublishStep[]
  /** Each count is the sum of its terms; what is not named is 0. */
  counts: Partial<Record<keyof CommitCounts, RowCount[]>>
  balances: Balance[]
  /** More sums that must be equal, each named after what it is of. */
  sums?: { of: string; in: RowCount[]; out: RowCount[] }[]
  /** How many tables are written, where that is more than one. */
  tables?: number
  /** Small text files, published in the same commit; the folder `target` then holds nothing else. */
  texts?: { target: string; name: string; content: string }[]
  /** The output that the task is for, and its folder: what a person is told of. */
  main: { output: string; target: string }
  /** Where rows that are set aside go; null when the task sets none aside. */
  quarantine: { output: string; target: string } | null
  /** Files consumed by this plan; `restarts` when they are all that counts from now on. */
  bookmark: { restarts: boolean; added: ConsumedFile[] }
  /** Files that the commit before has consumed are read again although its partition stands: counts tell what is new. */
  repeats: boolean
  /** Folders that are replaced, with the data files that each held when the plan was made. */
  replaced: { folder: string; files: string[] }[]
  /** What the kind of task keeps with its commit. */
  state: CommitState
  unreadable: { target: string; files: UnreadableFile[] } | null
  /** Inputs whose files may turn out to be damaged; another file that cannot be read stops the task. */
  mayBeDamaged: string[]
  /** Metrics that stop the task when they are not zero, as `set.name`, and what is said then; `{n}` is the metric. */
  refusals: { metric: [set: string, name: string]; message: string }[]
}

/** The data work of one task for one partition: engine-neutral, serialisable, complete. */
export type Plan = {
  planVersion: 1
  pipeline: string
  task: string
  partition: string
  inputs: PlanInput[]
  views: PlanView[]
  metrics: PlanMetrics[]
  outputs: PlanOutput[]
  publish: Publication
}

/** A plan, or a partition that is as it was asked for already. */
export type Planned =
  | { kind: 'plan'; plan: Plan }
  /** `isPending`: what follows the commit is yet to be done, for an earlier run was stopped before. */
  | {
      kind: 'unchanged'
      partition: string
      consumed: number
      standingFiles: number
      commit: CommitRecord | null
      isPending?: boolean
    }

// ---------------------------------------------------------------------------------------------------- work on tables

/** What is read of one source: a table at a snapshot (its id as text), files, or a table of PostgreSQL; −1 where it is not known before. */
export type TableRead = { name: string; snapshot: string | null; files: number; rows: number; bytes: number }

/** What a task would do with one table, complete and without secrets: what it reads, and what is done with it in order. */
export type TablePlan = {
  planVersion: 1
  pipeline: string
  task: string
  /** The table that is changed. */
  partition: string
  reads: TableRead[]
  steps: { what: string; sql: string | null }[]
  unreadable: UnreadableFile[]
}

/** Rows of one change of a table; what a kind of task does not count is missing. */
export type TableCounts = {
  /** Rows read that might change the table. */
  rowsIn: number
  inserted: number
  updated: number
  deleted: number
  /** Rows that the table has as they are, or newer. */
  unchanged: number
  /** Rows that another row of their key, read with them, replaced. */
  superseded: number
  quarantined: number
  /** Rows that somebody else had changed meanwhile. */
  conflicts?: number
  files?: number
  filesUnreadable?: number
  snapshotsExpired?: number
  orphansRemoved?: number
}

/**
 * A table with something to do; one that is as it should be, with what an attempt of this run did before it could say so; or one of
 * which nothing can be said yet.
 */
export type PlannedTable =
  | { kind: 'table'; partition: string; plan: TablePlan }
  | { kind: 'table-unchanged'; partition: string; why: string; done: TableChange | null }
  | { kind: 'table-later'; partition: string; why: string }

/** A change that was made; `snapshot` is null where none was. */
export type TableChange = { snapshot: string | null; counts: TableCounts }

/**
 * Plans what one unit of a task (a table, say) has to do, with files left out that turned out to be damaged: path → reason. `prepare`
 * comes before a plan of it is executed, and `finish` is
 * what follows once that is published, also where it was before.
 */
export type PlanUnit = {
  name: string
  plan: (damaged: ReadonlyMap<string, string>) => Promise<Planned[]>
  prepare?: (assertHeld: () => Promise<void>) => Promise<void>
  finish?: (assertHeld: () => Promise<void>) => Promise<void>
}

// -------------------------------------------------------------------------------------------------------- the engine

/** A file an engine wrote; `path` is relative to the staging folder. `part` is the index of a split output's value. */
export type StagedFile = { output: string; path: string; rows: number; bytes: number; part?: number }

/**
 * What an engine made of a plan. `superseded` counts, for each `newest` view, the rows that were not the greatest of
 * their key; `rows` counts the rows of each output, also in a dry run, when no file is written.
 */
export type Staged = {
  files: StagedFile[]
  rows: Record<string, number>
  superseded: Record<string, number>
  metrics: Record<string, Record<string, number>>
}

export type Progress = { phase: string; percent: number }

export type EngineContext = {
  /** The storage root, an absolute folder. Inputs are resolved below it. */
  root: string
  /** Absolute folder that takes one folder for each output; null in a dry run: count, write nothing. */
  staging: string | null
  /** What every file name ends with before `.parquet`, so that names are never used twice. */
  fileSuffix: string
  /** Absolute folder for what does not fit in memory; plans that are executed side by side share it. */
  spill: string
  memoryBytes: number
  threads: number
  /** How many plans are yet to be executed beside this one: the next one's share of the threads is left to it. */
  plansToCome?: (() => number) | undefined
  signal: AbortSignal
  onProgress: (progress: Progress) => void
}

/**
 * Executes plans. Reads what is listed and stages what the plan names; publishes nothing. Throws `input-unreadable` when it
 * knows that a listed file cannot be read, `engine` when it does not know why it failed; `probe` finds such files.
 */
export type Engine = {
  name: string
  execute(plan: Plan, context: EngineContext): Promise<Staged>
  /** Reads every value of each of an input's files alone, as the plan would, and says which fail. */
  probe(input: PlanInput, context: EngineContext): Promise<{ path: string; reason: string }[]>
  /** Ends what is kept running between plans; to be called before the spill folder goes. The next plan starts it again. */
  close?(): Promise<void>
}

// -------------------------------------------------------------------------------------------------------- the commit

/** A file of a published partition. */
export type PublishedFile = { name: string; rows: number; bytes: number }

/** One partition of one table as a commit leaves it; `table` is null for a state that is no table. */
export type PublishedPartition = {
  table: TableName | null
  columns: Column[]
  partition: PartitionValue[]
  location: string
  files: PublishedFile[]
}

/** A move that publishing makes: a staged folder for a whole folder, or one staged file into a folder. */
export type PublishMove =
  | { kind: 'replace-folder'; staged: string | null; target: string; trash: string }
  | { kind: 'add-file'; staged: string; target: string }

/** What a kind of task keeps with a commit, to know at the next planning what the standing data was made by. */
export type CommitState =
  /** The file count and codec asked for, whether or not the partition was rewritten; `hasAdopted`: some rows were written by another tool, and no landed file brings them back. */
  | { kind: 'consolidate'; codec: Codec; fileCount: number; hasAdopted: boolean }
  | { kind: 'land' }
  /** The definition the table was made by, as text; the source files whose changes the history has; what is to be merged. */
  | { kind: 'apply-changes'; definition: string; history: string[]; merge?: PendingMerge }
  /** What the table was written by, as text; its source's files are the bookmark. */
  | { kind: 'bucket-tables'; definition: string }
  /** The snapshot that was split, its files being the bookmark; its key; of every table split from it where it lies, and what was asked for. */
  | { kind: 'fan-out'; snapshot: string; key: string; tables: FanOutTable[] }

/**
 * Rows that an Iceberg table takes once their commit is decided: those in `folder`, of these columns, found by `keys`. `number` counts
 * the merges of a table from 1; the table has that of its last one. `restarts`: the rows are the whole table.
 */
export type PendingMerge = { number: number; folder: string; columns: Column[]; keys: string[]; restarts: boolean }

/** A table that a snapshot was split into. */
export type FanOutTable = { location: string; codec: Codec; fileCount: number }

/**
 * One publication, whole: the file is the decision. What follows from it (`moves`, clean-up of `staging`) is done by
 * whoever comes next, as often as it takes. `bookmark` lists every source file that `partitions` already contain.
 */
export type CommitRecord = {
  commitVersion: 1
  scope: string
  number: number
  run: string
  pipeline: string
  task: string
  committedAt: string
  staging: string
  moves: PublishMove[]
  partitions: PublishedPartition[]
  bookmark: ConsumedFile[]
  state: CommitState
  counts: CommitCounts
}

/** Row counts of one publication, and the files that could not be read; what a kind of task does not count is missing. */
export type CommitCounts = {
  /** New rows read. */
  rowsIn: number
  /** Rows the table had. */
  rowsStanding: number
  /** Rows the table has now. */
  rowsOut: number
  /** Rows that another row of their key replaced. */
  duplicates: number
  quarantined: number
  filesUnreadable: number
  /** Deletes read: they are no rows of the table. */
  deletes?: number
  /** Rows that deletes took out of the table. */
  removed?: number
  /** Changes read, of the dates that the history keeps. */
  changesIn?: number
  /** Changes written to the history. */
  changesOut?: number
  /** Changes set aside that the history would have had. */
  changesQuarantined?: number
  /** Tables written, where a publication has several. */
  tables?: number
}

// --------------------------------------------------------------------------------------------------------- the alert

export type Alert = {
  pipeline: string
  run: string
  status: string
  messages: string[]
  /** What a call of the pipeline says of one failure, name → value. */
  details?: Record<string, string>
}

/** Sends an alert somewhere; a failure to send is reported, it never fails a run. */
export type Notifier = { name: string; notify(alert: Alert): Promise<void> }
