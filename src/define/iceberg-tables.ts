/** Iceberg tables below the root, as values: where a task writes and how its tables lie in files. */
import { MillraceError } from '../errors.ts'

/**
 * How a table lies in files, in Iceberg's terms; a new one that has none is neither partitioned nor sorted. What changes here holds
 * for files that are written from then on.
 */
export type TableLayout = {
  /** Such as `admin_state`, `bucket(16, id)`, `day(changed_at)`. */
  partitionBy?: string[]
  /** Such as `admin_county`, `instance desc nulls last`. */
  sortBy?: string[]
  properties?: Record<string, string>
}

/** The tables of a namespace: `<root>/iceberg/<namespace>/<table>`. */
export type IcebergTables = { namespace: string; layouts: Record<string, TableLayout> }

/** Where Iceberg tables lie below the root. */
export const icebergFolder = 'iceberg'

/** One Iceberg table: `<root>/iceberg/<namespace>/<table>`. */
export type IcebergTable = { path: string; table: string; layout: TableLayout }

/** Names an Iceberg table, `namespace.table`, as a target. Throws `usage` for a name that is none. */
export function icebergTable(name: string, layout: TableLayout = {}): IcebergTable {
  return { path: `${icebergFolder}/${tableName(name).replace('.', '/')}`, table: name, layout }
}

/** Tells an Iceberg table from other targets: what changed is merged into it, the others are written anew. */
export function isIcebergTable(to: { path: string }): to is IcebergTable {
  return 'table' in to
}

/** Names a namespace as a target, with the layouts of those of its tables that have one. Throws `usage` for a name that is none. */
export function icebergTables(namespace: string, layouts: Record<string, TableLayout> = {}): IcebergTables {
  for (const table of Object.keys(layouts)) tableName(`${namespace}.${table}`)
  tableName(`${namespace}.table`)
  return { namespace, layouts }
}

/** `namespace.table`, checked. Throws `usage`. */
export function tableName(name: string): string {
  if (/^[A-Za-z0-9][\w-]*\.[A-Za-z0-9][\w-]*$/.test(name)) return name
  throw new MillraceError(
    'usage',
    `table ${JSON.stringify(name)} is refused: expected namespace.table of letters, digits, "_" and "-"`,
  )
}

/** Checks that an option names columns, each once. Throws `usage`. */
export function columnNames(where: string, option: string, names: readonly string[]): void {
  if (names.length === 0) throw new MillraceError('usage', `${where}  ${option} is empty; name at least one column`)
  const twin = names.find((name, index) => names.indexOf(name) !== index)
  if (twin !== undefined) throw new MillraceError('usage', `${where}  ${option} names ${twin} twice`)
}

/** Milliseconds of a span such as `1 day`, `90 minutes`, `0 days`. Throws `usage`. */
export function spanMs(where: string, option: string, text: string): number {
  const [, amount, unit] = /^(\d+) (second|minute|hour|day|week)s?$/.exec(text) ?? []
  const units: Record<string, number> = {
    second: 1000,
    minute: 60_000,
    hour: 3_600_000,
    day: 86_400_000,
    week: 604_800_000,
  }
  if (amount !== undefined && unit !== undefined) return Number(amount) * (units[unit] as number)
  throw new MillraceError(
    'usage',
    `${where}  ${option} ${JSON.stringify(text)} is refused: expected a span such as "1 day"`,
  )
}
