/** The default engine: DuckDB in this process. */
import { existsSync } from 'node:fs'
import { hasCode, messageOf } from '../errors.ts'
import type { Engine, EngineContext, Plan, PlanInput, PlanView, Staged } from '../types.ts'
import { writeBucketed } from './duckdb/bucketed.ts'
import { type NumberedRelation, writeOutput, writeParts, writeWhole, writeWholes } from './duckdb/outputs.ts'
import { columnOf, createInput, createNewest, createRepeated, fileList, readablePath } from './duckdb/relations.ts'
import { type Database, openDatabase, openSession, type Session } from './duckdb/session.ts'
import { limiter } from './limiter.ts'
import { expandPortable, quoteName } from './portable.ts'

const progressEveryMs = 200

/** Makes the engine; DuckDB itself is loaded by the first plan. */
export default function duckdbEngine(): Engine {
  let shared: { key: string; database: Promise<Database>; users: number } | null = null
  let executions = 0
  const turns = limiter()
  // Plans that are executed side by side share one database: its memory is bounded once, and opening one takes as long as a
  // small plan does. Each has a schema of its own.
  const open = (context: EngineContext): NonNullable<typeof shared> => {
    const key = JSON.stringify([context.spill, context.memoryBytes, context.threads])
    if (shared?.key === key) return shared
    const old = shared
    if (old !== null && old.users === 0) closeLater(old.database)
    const database = openDatabase({ ...context, sharesThreads: true })
    const own = { key, database, users: 0 }
    // One that cannot be opened is tried anew by the next plan.
    database.catch(() => {
      if (shared === own) shared = null
    })
    shared = own
    return own
  }
  const execute = async (plan: Plan, context: EngineContext): Promise<Staged> => {
    const own = open(context)
    own.users += 1
    executions += 1
    const schema = `plan_${executions}`
    try {
      // They come one after the other, as they are planned: the next one finds its thread free.
      const toCome = (): number => Math.min(1, turnsOf(context) - own.users, context.plansToCome?.() ?? 0)
      const session = await (await own.database).connect({ signal: context.signal, schema, toCome })
      try {
        return await executeIn(session, plan, context)
      } finally {
        session.close()
      }
    } finally {
      own.users -= 1
      const isLast = own.users === 0
      // A database that spilled must close for its files to go; otherwise giving the memory back takes a quarter of a
      // second for a million rows, which the next steps need not wait for.
      if (own !== shared || (isLast && existsSync(context.spill))) {
        if (own === shared) shared = null // nobody else may take it from here on
        if (isLast) closeLater(own.database)
      } else void dropSchema(own.database, schema)
    }
  }
  return {
    name: 'duckdb',
    probe: (input, context) => turns(turnsOf(context), () => probe(input, context)),
    execute: (plan, context) => turns(turnsOf(context), () => execute(plan, context), bytesOf(plan)),
  }
}

function bytesOf({ inputs }: Plan): number {
  return inputs.flatMap(({ files }) => files).reduce((sum, { bytes }) => sum + bytes, 0)
}

const turnBytes = 2 ** 30 // what a plan has to work with at least, so that side by side none starves another

/** How many plans are executed at a time: as many as there are threads and memory for. */
function turnsOf({ threads, memoryBytes }: EngineContext): number {
  return Math.max(1, Math.min(Math.max(2, threads), Math.floor(memoryBytes / turnBytes)))
}

function closeLater(database: Promise<Database>): void {
  database.then((open) => open.close()).catch(() => {}) // what was never opened need not be closed
}

async function dropSchema(database: Promise<Database>, schema: string): Promise<void> {
  try {
    const session = await (await database).connect()
    await session.run(`DROP SCHEMA ${schema} CASCADE`)
    session.close()
  } catch {
    // The database was closed meanwhile, and the schema with it.
  }
}

async function executeIn(session: Session, plan: Plan, context: EngineContext): Promise<Staged> {
  const staged: Staged = { files: [], rows: {}, superseded: {}, metrics: {} }
  const numbers = rowNumbers(plan)
  for (const input of plan.inputs) {
    await createInput(session, input, (file) => readablePath(file, context))
  }
  for (const view of plan.views) {
    const superseded = await watched(session, 'read', context, () => createView(session, view, numbers))
    if (superseded !== null) staged.superseded[view.name] = superseded
  }
  for (const { name, sql } of plan.metrics) {
    staged.metrics[name] = numbersOf(await session.rows(expandPortable(sql, 'duckdb')))
  }
  if (isFanOut(plan)) {
    await writeFanOut(session, plan, context, staged, numbers)
    return staged
  }
  for (const output of plan.outputs) {
    const view = plan.views.find(({ name }) => name === output.view)
    const { bucketed } = output
    if (context.staging === null && bucketed !== undefined) {
      staged.rows[output.name] = await countRows(session, output.view)
      continue
    }
    if (context.staging !== null && bucketed !== undefined) {
      const files = await writeBucketed(session, { ...output, bucketed }, { ...context, staging: context.staging })
      staged.rows[output.name] = files.reduce((sum, { rows }) => sum + rows, 0)
      staged.files.push(...files)
      continue
    }
    // One file, or one for each part, has no rows to divide: it is written as its rows come.
    if (context.staging !== null && output.fileCount === 1 && view !== undefined) {
      const own = { ...context, staging: context.staging }
      const { split } = output
      const files =
        split === undefined ? await writeWhole(session, output, own) : await writeParts(session, output, split, own)
      staged.rows[output.name] = files.reduce((sum, { rows }) => sum + rows, 0)
      staged.files.push(...files)
      continue
    }
    const relation = await numbered(session, plan, output.view, numbers)
    staged.rows[output.name] = relation.rows
    if (context.staging === null) continue
    staged.files.push(...(await writeOutput(session, output, relation, { ...context, staging: context.staging })))
  }
  return staged
}

async function countRows(session: Session, view: string): Promise<number> {
  const [count] = await session.rows(`SELECT count(*) AS n FROM ${quoteName(view)}`)
  return Number(count?.n)
}

/** Many outputs that are each a part of one input, which is read for each of them: they need not wait for each other. */
function isFanOut({ inputs, views, outputs }: Plan): boolean {
  const isPlain = views.every((view) => 'sql' in view && !view.once)
  return (
    isPlain &&
    inputs.length === 1 &&
    outputs.length > 1 &&
    outputs.every(({ split, bucketed }) => split === undefined && bucketed === undefined)
  )
}

async function writeFanOut(
  session: Session,
  plan: Plan,
  context: EngineContext,
  staged: Staged,
  numbers: RowNumbers,
): Promise<void> {
  const { staging } = context
  if (staging === null) {
    // The rows of each view, without a value of them.
    for (const { name, view } of plan.outputs) staged.rows[name] = await countRows(session, view)
    return
  }
  const own = { ...context, staging }
  for (const output of plan.outputs.filter(({ fileCount }) => fileCount > 1)) {
    const relation = await numbered(session, plan, output.view, numbers)
    staged.files.push(...(await writeOutput(session, output, relation, own)))
    await session.run(`DROP TABLE ${relation.from}`) // the next one needs the room
  }
  const wholes = plan.outputs.filter(({ fileCount }) => fileCount === 1)
  staged.files.push(...(await writeWholes(session, wholes, own)))
  for (const { name } of plan.outputs) {
    const files = staged.files.filter(({ output }) => output === name)
    staged.rows[name] = files.reduce((sum, { rows }) => sum + rows, 0)
  }
}

/**
 * How a table's rows are numbered: by DuckDB's own `rowid`, which is free, unless the data has a column of that name; then
 * every table gets a column for it.
 */
type RowNumbers = { column: string; select: string }

function rowNumbers(plan: Plan): RowNumbers {
  const isTaken = plan.inputs.some(({ columns }) => columns.some(({ name }) => name.toLowerCase() === 'rowid'))
  if (!isTaken) return { column: 'rowid', select: '*' }
  return { column: '"$number"', select: '*, row_number() OVER () - 1 AS "$number"' }
}

async function createView(session: Session, view: PlanView, numbers: RowNumbers): Promise<number | null> {
  if ('newest' in view) return await createNewest(session, view, numbers.column)
  if ('repeated' in view) {
    await createRepeated(session, view)
    return null
  }
  const sql = expandPortable(view.sql, 'duckdb')
  if (view.once) await session.run(`CREATE TABLE ${quoteName(view.name)} AS SELECT ${numbers.select} FROM (${sql})`)
  else await session.run(`CREATE VIEW ${quoteName(view.name)} AS ${sql}`)
  return null
}

/** A view with numbered rows: `newest` views carry the numbers of the table they come from, others become a table. */
async function numbered(
  session: Session,
  plan: Plan,
  viewName: string,
  numbers: RowNumbers,
): Promise<NumberedRelation> {
  const view = plan.views.find(({ name }) => name === viewName)
  const isNewest = view !== undefined && 'newest' in view
  const isTable = view !== undefined && 'once' in view && view.once
  let from = quoteName(viewName)
  if (!isNewest && !isTable) {
    from = quoteName(`${viewName}$rows`)
    await session.run(`CREATE TABLE IF NOT EXISTS ${from} AS SELECT ${numbers.select} FROM ${quoteName(viewName)}`)
  }
  const [count] = await session.rows(`SELECT count(*) AS n FROM ${from}`)
  return { from, number: isNewest ? '"$row"' : numbers.column, rows: Number(count?.n), isDense: !isNewest }
}

function numbersOf(rows: Record<string, unknown>[]): Record<string, number> {
  const [row] = rows
  return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value ?? 0)]))
}

async function watched<T>(session: Session, phase: string, context: EngineContext, act: () => Promise<T>): Promise<T> {
  context.onProgress({ phase, percent: 0 })
  const timer = setInterval(() => {
    const percent = session.percent()
    if (percent >= 0) context.onProgress({ phase, percent })
  }, progressEveryMs)
  try {
    return await act()
  } finally {
    clearInterval(timer)
  }
}

async function probe(input: PlanInput, context: EngineContext): Promise<{ path: string; reason: string }[]> {
  const session = await openSession(context)
  const unreadable: { path: string; reason: string }[] = []
  try {
    for (const [index, { path, schema }] of input.files.entries()) {
      const reason = await readWhole(session, input, schema, readablePath(path, context))
      if (reason !== null) unreadable.push({ path, reason })
      context.onProgress({ phase: 'probe', percent: (100 * (index + 1)) / input.files.length })
    }
    return unreadable
  } finally {
    session.close()
  }
}

/** Every value is read and cast, one way or another: the aggregate needs them all. */
async function readWhole(session: Session, input: PlanInput, schema: number, path: string): Promise<string | null> {
  try {
    const columns = input.columns.map((column) => columnOf(column, input.schemas[schema] ?? []))
    const relation = `SELECT ${columns.join(', ')} FROM read_parquet(${fileList([path])}, hive_partitioning = false)`
    await session.rows(`SELECT sum(hash(COLUMNS(*)) % 2) FROM (${relation})`)
    return null
  } catch (error) {
    if (hasCode(error, 'cancelled')) throw error
    return `cannot be read (${messageOf(error).split('\n')[0]})`
  }
}
