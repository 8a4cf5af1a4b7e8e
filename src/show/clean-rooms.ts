/** Plans, findings and reports of clean rooms, as text for people. */
import type { Change, Unmanaged } from '../cleanrooms/compare.ts'
import type { Difference } from '../cleanrooms/differences.ts'
import type { Finding } from '../cleanrooms/finding.ts'
import type { CleanRoomsReport } from '../cleanrooms/report.ts'
import type { Json } from '../types.ts'
import { plural } from './text.ts'

const signs = { create: '+', update: '~', replace: '-/+', rename: '~', delete: '-' } as const
const valueLengthMax = 100

/** Resource by resource what would change, with the fields that differ; then what is left alone, and a count. */
export function showCleanRoomsPlan(changes: readonly Change[], unmanaged: readonly Unmanaged[]): string {
  const lines = changes.flatMap((change) => [showChange(change), ...shownDifferences(change).flatMap(differenceLines)])
  const left = unmanaged.map(
    ({ kind, name, id, why }) => `  ${kind} ${name}${id === name ? '' : ` (${id})`}: ${why}, left alone`,
  )
  return [...lines, ...left, showCounts(changes, unmanaged.length)].join('\n')
}

/** Of a new `_er` table not what it has from its table. */
function shownDifferences({ action, kind, differences }: Change): Difference[] {
  if (action !== 'create' || kind !== 'er-table') return differences
  return differences.filter(({ field }) => ['columns', 'location'].includes(field))
}

/** One change in one line: `~ analysis-rule part_ibe_01_a`. */
export function showChange({ action, kind, name, oldName }: Change): string {
  return `${signs[action]} ${kind} ${oldName === undefined ? name : `${oldName} → ${name}`}`
}

/** `2 to create, 1 to rename; 3 unmanaged`, or that nothing differs. */
export function showCounts(changes: readonly Change[], unmanaged: number): string {
  const counts = Object.keys(signs).flatMap((action) => {
    const count = changes.filter((change) => change.action === action).length
    return count === 0 ? [] : [`${count} to ${action}`]
  })
  const rest = unmanaged === 0 ? '' : `; ${unmanaged} unmanaged`
  return `${counts.length === 0 ? 'nothing differs' : counts.join(', ')}${rest}`
}

function differenceLines({ field, before, after }: Difference): string[] {
  if (Array.isArray(before) && Array.isArray(after)) return listLines(field, before, after)
  if (before === null) return [`    ${field}: ${short(after)}`]
  return [`    ${field}: ${short(before)} → ${after === null ? 'nothing' : short(after)}`]
}

/** Of two lists only what one has and the other has not. */
function listLines(field: string, before: Json[], after: Json[]): string[] {
  const [old, now] = [before.map((item) => JSON.stringify(item)), after.map((item) => JSON.stringify(item))]
  const gone = old.filter((item) => !now.includes(item))
  const added = now.filter((item) => !old.includes(item))
  if (gone.length === 0 && added.length === 0) return [`    ${field}: in another order`]
  return [
    `    ${field}:`,
    ...gone.map((item) => `      - ${cut(item)}`),
    ...added.map((item) => `      + ${cut(item)}`),
  ]
}

function short(value: Json): string {
  if (Array.isArray(value) && JSON.stringify(value).length > valueLengthMax) return plural(value.length, 'value')
  return cut(typeof value === 'string' ? value : JSON.stringify(value))
}

function cut(text: string): string {
  return text.length <= valueLengthMax ? text : `${text.slice(0, valueLengthMax - 1)}…`
}

/** One finding a line, with its source; then a count. */
export function showFindings(findings: readonly Finding[]): string {
  const lines = findings.map(
    ({ level, rule, where, message, source }) => `${level}  ${where}  ${message}  [${rule}: ${source}]`,
  )
  const errors = findings.filter(({ level }) => level === 'error').length
  const counts = [plural(errors, 'error'), plural(findings.length - errors, 'warning')]
  return [...lines, counts.join(', ')].join('\n')
}

/** The figures of a report and where its files are. */
export function showCleanRoomsReport({ summary }: CleanRoomsReport, files: readonly string[]): string {
  const { tables, configured, associated, ready_for_analysis, schema_mappings, id_namespaces } = summary
  const counts = [
    plural(tables, 'table'),
    `${configured} configured`,
    `${associated} associated`,
    `${ready_for_analysis} ready for analysis`,
    plural(schema_mappings, 'schema mapping'),
    plural(id_namespaces, 'ID namespace'),
  ]
  return [counts.join(', '), ...files].join('\n')
}
