/** The functions of the state machine: on AWS Lambdas, here called in place. */
import type { CallOptions, Json } from 'millrace'
import type { CarsTable } from './tables.ts'

type Failure = { TableName: string; JobName: string; JobRunState: string; ErrorMessage: string }

/**
 * get-incremental-tables: the tables of Datasets for which something is to be done: files that landed and are not in the
 * Final zone yet, dates that leave the CDC zone, another definition.
 */
export function tablesWithWork(
  datasets: string,
  tables: readonly CarsTable[],
  task: string,
): Pick<CallOptions, 'run' | 'isReadOnly'> {
  return {
    isReadOnly: true,
    run: async (_, context) => {
      const names = await context.published(datasets)
      const landed = new Set(names.map((name) => name.replace(/-LOAD$/, '')))
      const defined = tables.map(({ table }) => table).filter((table) => landed.has(table))
      const found: string[] = []
      for (const table of defined.sort()) if (await context.hasWork(task, { table })) found.push(table)
      return { tables: found }
    },
  }
}

/**
 * sns-publish-step-function-errors: publishes what failed, of the cause that a Glue job leaves, and gives it as
 * `{ failed: [{ TableName, JobName, JobRunState, ErrorMessage }] }`.
 */
export function publishErrors(tables: readonly CarsTable[]): Pick<CallOptions, 'run'> {
  return {
    run: async (input, context) => {
      const failed = failuresOf(input, tables)
      for (const failure of failed) await context.notify(failure)
      return { failed }
    },
  }
}

/**
 * A job for one table names it in its input. The landing has a line for each table that failed, `<table>  <message>`; where it
 * failed as a whole, there is no table's name.
 */
function failuresOf(input: Json, tables: readonly CarsTable[]): Failure[] {
  const { table, error } = input as { table?: string; error: { Error: string; Cause: string } }
  const job = glueCause(error)
  if (table !== undefined) return [{ TableName: table, ...job }]
  const lines = job.ErrorMessage.split('\n').map((line) => {
    const name = tables.find((one) => line.startsWith(`${one.table}  `))?.table
    return name === undefined ? null : { ...job, TableName: name, ErrorMessage: line.slice(name.length + 2) }
  })
  const failures = lines.filter((line) => line !== null)
  return failures.length === lines.length ? failures : [{ TableName: '', ...job }]
}

function glueCause({ Error: name, Cause: cause }: { Error: string; Cause: string }): Omit<Failure, 'TableName'> {
  try {
    const { JobName = '', JobRunState = 'FAILED', ErrorMessage = cause } = JSON.parse(cause)
    return { JobName, JobRunState, ErrorMessage }
  } catch {
    return { JobName: '', JobRunState: 'FAILED', ErrorMessage: cause || name }
  }
}
