/** Commands that look: `list`, `runs`, `show`, `tables`, `sql`. */
import { type CatalogTable, readCatalog, tableText } from '../../catalogs/local.ts'
import { hasCode, MillraceError } from '../../errors.ts'
import { listRegisteredTables, namedTables, type RegisteredTable } from '../../run/catalog/registered-tables.ts'
import { currentLocation, latestCommits } from '../../run/commits.ts'
import { recoverOthers } from '../../run/recovery.ts'
import { readRun, readRuns } from '../../run/run-log.ts'
import type { IcebergTable } from '../../run/tables/list-tables.ts'
import { runsText, runText } from '../../show/run.ts'
import { type ShownTable, tablesText } from '../../show/tables.ts'
import { count, table } from '../../show/text.ts'
import type { Store } from '../../store.ts'
import type { CommitRecord, TableName } from '../../types.ts'
import { allPipelines, type Command, type CommandContext, openStore, resources, withSpill } from '../context.ts'

export const listCommand: Command = {
  name: 'list',
  usage: 'list',
  summary: 'the pipelines there are',
  flags: [],
  run: async ({ config, environment, data }) => {
    const pipelines = allPipelines(config, environment.systems).map(({ name, description }) => ({ name, description }))
    data(pipelines, () =>
      table(
        ['pipeline', 'what it does'],
        pipelines.map(({ name, description }) => [name, description]),
      ),
    )
    return 0
  },
}

export const runsCommand: Command = {
  name: 'runs',
  usage: 'runs',
  summary: 'the runs of a root, the last one first',
  flags: [],
  run: async (context) => {
    const runs = await readRuns(await openStore(context, true))
    context.data(runs, () => runsText(runs))
    return 0
  },
}

export const showCommand: Command = {
  name: 'show',
  usage: 'show [run]',
  summary: 'one run: tasks, metrics, checks, warnings (default: the last)',
  flags: [],
  run: async (context) => {
    const store = await openStore(context, true)
    const run = await shownRun(store, context.positionals[0])
    context.data(run, () => runText(run))
    return 0
  },
}

async function shownRun(store: Store, named: string | undefined): ReturnType<typeof readRun> {
  if (named !== undefined) return await readRun(store, named)
  const [last] = await readRuns(store)
  if (last === undefined)
    throw new MillraceError('not-found', `${store.root} has no runs yet. Start one with millrace run <pipeline>`)
  return last
}

export const tablesCommand: Command = {
  name: 'tables',
  usage: 'tables',
  summary: 'the tables of a root',
  flags: [],
  run: async (context) => {
    await showTables(context)
    return 0
  },
}

/** Shows the tables; `perKind` as of `tablesText`. What a commit published and the catalog has is shown as the catalog has it. */
export async function showTables(context: CommandContext, perKind?: number): Promise<void> {
  const store = await openStore(context, true)
  const commits = await readCommits(store, context)
  const registered = await listRegisteredTables(store, commits)
  const tables = readCatalog(commits).filter((one) => !hasName(registered, one.name) && !isAt(registered, one))
  const { listIcebergTables } = await import('../../run/tables/list-tables.ts')
  const { signal } = context.environment
  const iceberg = await withSpill((spill) => listIcebergTables(store, { ...resources(context), spill, signal }))
  const shown = [...tables.map(shownTable), ...registered.map(shownRegistered), ...iceberg.map(shownIceberg)]
  context.data([...tables, ...registered, ...iceberg], () => tablesText(shown, perKind))
}

/** Whether everything of a table lies at the location of one that is registered. */
function isAt(registered: readonly RegisteredTable[], { partitions }: CatalogTable): boolean {
  const isBelow = (folder: string): boolean =>
    registered.some(({ location }) => folder === location || folder.startsWith(`${location}/`))
  return partitions.every(({ location }) => isBelow(location))
}

function shownTable({ name, partitions, rows, bytes, columns }: CatalogTable): ShownTable {
  return {
    ...{ name: tableText(name), format: 'parquet', rows, bytes, columns: columns.length },
    partitions: new Set(partitions.map(({ location }) => location)).size,
    files: partitions.reduce((sum, { files }) => sum + files.length, 0),
    ...{ snapshots: null, snapshot: null },
  }
}

function shownRegistered({ name, columns, partitions, buckets, ...table }: RegisteredTable): ShownTable {
  const format = buckets === null ? 'parquet' : (`parquet, ${buckets} buckets` as const)
  const { files, rows, bytes } = table
  const figures = { files, rows, bytes, columns: columns.length, partitions }
  return { name: tableText(name), format, isRegistered: true, ...figures, snapshots: null, snapshot: null }
}

/** Names are told apart as SQL does. */
function hasName(tables: readonly { name: TableName }[], name: TableName): boolean {
  const text = tableText(name).toLowerCase()
  return tables.some((table) => tableText(table.name).toLowerCase() === text)
}

function shownIceberg({ name, columns, ...table }: IcebergTable): ShownTable {
  return { ...table, name: tableText(name), columns: columns.length, partitions: null }
}

/** The latest commits, after finishing what interrupted runs had decided; a run that is going on does that itself. */
async function readCommits(store: Store, { environment }: CommandContext): Promise<CommitRecord[]> {
  const done = await recoverOthers(store, null, { run: 'recovery', signal: environment.signal })
  for (const sentence of done) environment.stderr.write(`mended: ${sentence}\n`)
  return await latestCommits(store)
}

export const sqlCommand: Command = {
  name: 'sql',
  usage: 'sql "select …"',
  summary: 'a query over the tables, by name',
  flags: [
    { name: 'memory', value: 'SIZE', text: 'such as 2GB' },
    { name: 'threads', value: 'N', text: 'threads' },
  ],
  run: async (context) => {
    const sql = context.positionals[0]
    if (sql === undefined)
      throw new MillraceError('usage', 'which query? Such as millrace sql "select count(*) from chargebacks"')
    const store = await openStore(context, true)
    const { queryTables } = await import('../../run/tables/query-tables.ts')
    const { signal } = context.environment
    const ask = async (): Promise<QueryResult> => {
      const commits = await readCommits(store, context)
      const registered = await namedTables(store, commits, sql, signal)
      const located = (await locateFiles(store, commits)).filter(({ name }) => !hasName(registered, name))
      const all = [...located, ...registered]
      return await withSpill((spill) => queryTables(store, sql, all, { ...resources(context), spill, signal }))
    }
    // A run that publishes meanwhile takes the files of the old partition away: then the new one is asked.
    const result = await ask().catch((error: unknown) => {
      if (
        hasCode(error, 'engine', 'storage') &&
        /No files found|No such file|Cannot open file|ENOENT/i.test(error.message)
      )
        return ask()
      throw error
    })
    writeResult(context, result)
    return 0
  },
}

const textRowsMax = 1000 // more is not read by a person, and columns are aligned over all rows

/** In pieces: a text of all rows may be longer than a string can be. */
function writeResult({ environment, isJson }: CommandContext, { columns, rows }: QueryResult): void {
  const { stdout, stderr } = environment
  if (!isJson) {
    stdout.write(`${table(columns, rows.slice(0, textRowsMax))}\n`)
    if (rows.length > textRowsMax) {
      stderr.write(`the first ${count(textRowsMax)} of ${count(rows.length)} rows; --json gives all, or add a LIMIT\n`)
    }
    return
  }
  stdout.write('[')
  for (const [index, row] of rows.entries()) {
    const object = Object.fromEntries(columns.map((name, column) => [name, row[column]]))
    stdout.write(`${index === 0 ? '' : ','}${JSON.stringify(object)}`)
  }
  stdout.write(']\n')
}

type QueryResult = { columns: string[]; rows: unknown[][] }
type Located = Parameters<typeof import('../../engines/duckdb/query.ts')['query']>[1]

async function locateFiles(store: Store, commits: readonly CommitRecord[]): Promise<Located> {
  const folders = new Map<string, string>()
  for (const commit of commits) {
    for (const partition of commit.partitions)
      folders.set(partition.location, await currentLocation(store, commit, partition))
  }
  return readCatalog(commits).map(({ name, columns, partitionColumns, partitions }) => ({
    name,
    columns,
    partitionColumns,
    partitions: partitions.map(({ values, columns: own, location, files }) => ({
      values,
      columns: own,
      paths: files.map((file) => store.locate(`${folders.get(location) ?? location}/${file.name}`)),
    })),
  }))
}
