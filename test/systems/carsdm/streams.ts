/** Random streams of changes, and the ways one stream comes in files over several runs. */
import fc from 'fast-check'
import type { Random } from '../../random.ts'
import type { Column, Definition, FileContent, Value } from './landing.ts'

type Change = { op: string; key: number; note: number; price: number; extra: number; isTie: boolean; isNull: boolean }
/** The columns that the files of a part of the stream have. */
type Epoch = {
  length: number
  idType: string
  priceType: string
  extraType: string
  hasNote: boolean
  isUpper: boolean
}
export type Stream = {
  isComposite: boolean
  hasCommit: boolean
  /** Whether added numbers become text in the end. */
  isText: boolean
  changes: Change[]
  epochs: Epoch[]
  /** Keys of LOAD rows; `loadAt`: the change they come before by their time, null where they have none and come first. */
  load: number[]
  loadAt: number | null
}
/** Files by the run before which they land. */
export type Arrival = FileContent[][]

const keyCount = 5
const minuteMs = 60_000
const startMs = Date.parse('2025-11-01T20:00:00.000Z')
const stepMs = 97 * minuteMs + 1 // so that a stream covers some days

/** Streams over few keys: most changes hit a key that others hit as well. */
export const streams: fc.Arbitrary<Stream> = fc.record({
  isComposite: fc.boolean(),
  hasCommit: fc.boolean(),
  isText: fc.boolean(),
  changes: fc.array(
    fc.record({
      op: fc.constantFrom('I', 'U', 'U', 'D', 'D', 'u', ' d ', 'X'),
      key: fc.integer({ min: 0, max: keyCount - 1 }),
      note: fc.integer({ min: 0, max: 3 }),
      price: fc.constantFrom(-1, 0, 0.25, 12.5, 99_999, 12.125),
      extra: fc.constantFrom(-3, 0, 7),
      isTie: fc.boolean(),
      isNull: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
    }),
    { minLength: 12, maxLength: 30, size: 'max' },
  ),
  epochs: fc.array(
    fc.record({
      length: fc.integer({ min: 3, max: 12 }),
      idType: fc.constantFrom('int', 'bigint', 'decimal(12,0)', 'string'),
      priceType: fc.constantFrom('int', 'decimal(12,3)', 'double', 'string', ''),
      extraType: fc.constantFrom('int', 'bigint', '', 'other'),
      hasNote: fc.boolean(),
      isUpper: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  load: fc.array(fc.integer({ min: 0, max: keyCount }), { maxLength: 6 }),
  loadAt: fc.option(fc.integer({ min: 0, max: 12 })),
})

/** The table of a stream. `seq` numbers the rows, so that no two files are the same. */
export function definitionOf({ isComposite }: Stream, table: string): Definition {
  const key: Record<string, string> = isComposite ? { id: 'bigint', state: 'string' } : { id: 'bigint' }
  const columns = { ...key, note: 'string', price: 'decimal(8,2)', seq: 'int' }
  return { table, primaryKey: Object.keys(key), columns }
}

/** One way the stream comes: cut into files that keep its order, which land in any order over some runs. */
export function arrivalOf(stream: Stream, random: Random, runs: number): Arrival {
  const arrival: Arrival = Array.from({ length: runs }, () => [])
  const land = (run: number, file: FileContent): void => void arrival[run]?.push(file)
  for (const file of changeFiles(stream, random)) {
    const run = random.below(runs)
    land(run, file)
    const later = run + 1 + random.below(runs)
    if (later < runs && random.chance(0.3))
      land(later, { ...file, name: timeName(startMs + random.below(9) * stepMs + 7) })
  }
  const loadRun = random.below(runs)
  for (const file of loadFiles(stream, random)) land(loadRun, file)
  return arrival
}

/** What an arrival was, for a person who looks for the reason of a failure. */
export function arrivalText(arrival: Arrival): string {
  const fileText = (file: FileContent): string => {
    if ('bytes' in file) return file.name
    const columns = file.columns.map(({ name, type }) => `${name} ${type}`).join(', ')
    return `  ${file.name} (${columns})\n${file.rows.map((row) => `    ${row.map(String).join(', ')}`).join('\n')}`
  }
  return arrival.map((files, run) => `run ${run + 1}\n${files.map(fileText).join('\n')}`).join('\n')
}

/** A file ends where the columns change, where LOAD rows come in between by their time, and anywhere else. */
function changeFiles(stream: Stream, random: Random): FileContent[] {
  const files: FileContent[] = []
  let start = 0
  for (let end = 1; end <= stream.changes.length; end += 1) {
    const isCut =
      end === stream.changes.length || end === stream.loadAt || epochAt(stream, end) !== epochAt(stream, start)
    if (!isCut && !random.chance(0.3)) continue
    files.push(changeFile(stream, start, end))
    start = end
  }
  return files
}

/** Epochs follow one another; the last one lasts. */
function epochAt({ epochs }: Stream, change: number): Epoch {
  let rest = change
  for (const epoch of epochs) {
    if (rest < epoch.length) return epoch
    rest -= epoch.length
  }
  return epochs.at(-1) as Epoch
}

function changeFile(stream: Stream, start: number, end: number): FileContent {
  const epoch = epochAt(stream, start)
  const columns = fileColumns(stream, epoch)
  const rows = stream.changes.slice(start, end).map((_, offset) => changeRow(stream, start + offset, columns))
  const named = epoch.isUpper ? columns.map(({ name, type }) => ({ name: name.toUpperCase(), type })) : columns
  return { name: timeName(timeMs(end - 1)), columns: named, rows }
}

function fileColumns({ isComposite, hasCommit, isText }: Stream, epoch: Epoch): Column[] {
  const { idType, priceType, extraType, hasNote } = epoch
  // Text of numbers with a fraction is no matter of the contract: with text, added numbers are whole.
  const extra = extraType === 'other' ? (isText ? 'string' : 'double') : extraType
  const all: Column[] = [
    { name: 'Op', type: 'string' },
    { name: 'dms_commit_ts', type: hasCommit ? 'timestamp' : '' },
    { name: 'id', type: idType },
    { name: 'state', type: isComposite ? 'string' : '' },
    { name: 'note', type: hasNote ? 'string' : '' },
    { name: 'price', type: priceType },
    { name: 'extra', type: extra },
    { name: 'seq', type: 'int' },
  ]
  return all.filter(({ type }) => type !== '')
}

function changeRow(stream: Stream, index: number, columns: readonly Column[]): Value[] {
  const { op, key, note, price, extra, isNull } = stream.changes[index] as Change
  const isDelete = op.trim().toUpperCase() === 'D'
  const [id, state] = keyOf(stream, key, isNull)
  const image = (value: Value): Value => (isDelete ? null : value)
  return columns.map(({ name, type }): Value => {
    switch (name) {
      case 'Op':
        return op
      case 'dms_commit_ts':
        return timestamp(commitMs(stream, index))
      case 'id':
        return id
      case 'state':
        return state
      case 'note':
        return image(['a', 'ção', '', null][note] ?? null)
      case 'price':
        return image(type === 'int' ? Math.trunc(price) : price)
      case 'extra':
        return image(extra)
      default:
        return index
    }
  })
}

/** Of a composite key, a null is in one part; keys are alike in one part and differ in the other. */
function keyOf({ isComposite }: Stream, key: number, isNull: boolean): [number | null, string | null] {
  if (!isComposite) return [isNull ? null : key, null]
  const state = ['TX', 'tx', 'TX', 'IA', 'IA', 'TX'][key] ?? 'TX'
  return isNull && key % 2 === 0 ? [key % 3, null] : [isNull ? null : key % 3, state]
}

function loadFiles(stream: Stream, random: Random): FileContent[] {
  const { load, loadAt, isComposite } = stream
  if (load.length === 0) return []
  const isTimed = loadAt !== null && loadAt < stream.changes.length
  const spec = ['id bigint', ...(isComposite ? ['state string'] : []), 'note string', 'seq int']
  const columns = [...spec, ...(isTimed ? ['dms_commit_ts timestamp'] : [])].map((text): Column => {
    const [name = '', type = ''] = text.split(' ')
    return { name, type }
  })
  const rows = load.map((key, index): Value[] => {
    const [id, state] = keyOf(stream, key, false)
    // Between the file time of the change before and that of the change itself.
    const time = isTimed ? [timestamp(timeMs(loadAt) - stepMs / 2 + index)] : []
    return [id, ...(isComposite ? [state] : []), `load ${index}`, -1 - index, ...time]
  })
  const cut = 1 + random.below(rows.length)
  const parts = [rows.slice(0, cut), rows.slice(cut)].filter((part) => part.length > 0)
  return parts.map((part, index) => ({ name: `LOAD0000000${index + 1}.parquet`, columns, rows: part }))
}

/** When the file of a change is named, if it is the last one in it. */
function timeMs(index: number): number {
  return startMs + index * stepMs
}

/** Never later than its file; changes may share the time of the one before. */
function commitMs({ changes }: Stream, index: number): number {
  let first = index
  while (first > 0 && changes[first]?.isTie) first -= 1
  return timeMs(first) - minuteMs
}

function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '')
}

/** `20251101-200000000.parquet`. */
function timeName(ms: number): string {
  const [date, time] = new Date(ms).toISOString().split('T')
  return `${date?.replaceAll('-', '')}-${time?.replace(/[:.Z]/g, '')}.parquet`
}
