/** Plans a repair of one table: which partitions its catalog is to have of those found in storage. Pure. */
import { type GlueColumn, type GluePartition, type GlueTable, glueTableText } from '../catalogs/glue-catalog.ts'
import { MillraceError } from '../errors.ts'
import { misfitOf } from './glue-columns.ts'

/** A partition in storage, as the footers of its files tell: other files may be as many and as large. */
export type StoredPartition = {
  values: string[]
  location: string
  figures: { numFiles: string; numRows: string; totalSize: string }
  columns: GlueColumn[]
}

/** What is to be done with a table's partitions. */
export type PartitionRepair = { add: GluePartition[]; update: GluePartition[]; remove: GluePartition[] }

/**
 * Compares storage with the catalog: what is new is added, what was written anew is described anew, what is gone is removed. Throws
 * `storage` naming a partition whose columns do not fit the table's.
 */
export function planRepair(
  table: GlueTable,
  known: readonly GluePartition[],
  stored: readonly StoredPartition[],
): PartitionRepair {
  const repair: PartitionRepair = { add: [], update: [], remove: [] }
  for (const partition of stored) {
    const misfit = misfitOf(partition.columns, table.StorageDescriptor.Columns)
    if (misfit !== null) throw doesNotFit(table, partition.location, misfit)
    const described = describe(table, partition)
    const before = known.find(({ Values }) => isSame(Values, partition.values))
    const after = { Values: partition.values, ...described }
    if (before === undefined) repair.add.push(after)
    else if (JSON.stringify(before) !== JSON.stringify(after)) repair.update.push(after)
  }
  repair.remove = known.filter(({ Values }) => !stored.some(({ values }) => isSame(values, Values)))
  return repair
}

/** Whether the figures kept with a table or partition are of as many files with as many bytes. */
export function isSameSize(parameters: Record<string, string>, files: readonly { bytes: number }[]): boolean {
  const { numFiles, totalSize } = parameters
  return numFiles === String(files.length) && totalSize === String(files.reduce((sum, { bytes }) => sum + bytes, 0))
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}

function describe(table: GlueTable, { location, columns, figures }: StoredPartition): Omit<GluePartition, 'Values'> {
  const StorageDescriptor = { ...table.StorageDescriptor, Columns: columns, Location: `${location}/` }
  return { StorageDescriptor, Parameters: figures }
}

function doesNotFit(table: GlueTable, location: string, misfit: string): MillraceError {
  const text = `${location}  does not fit table ${glueTableText(table)}: ${misfit}`
  return new MillraceError(
    'storage',
    `${text}. Register the table again, which takes the columns of all partitions, and repair it then`,
  )
}

/** What a repair does, for people. */
export function repairText({ add, update, remove }: PartitionRepair): string {
  const parts = [
    ...(add.length === 0 ? [] : [`add ${names(add)}`]),
    ...(update.length === 0 ? [] : [`describe ${names(update)} anew`]),
    ...(remove.length === 0 ? [] : [`remove ${names(remove)}`]),
  ]
  return parts.join(', ')
}

const namesMax = 5 // of many, the first ones tell enough

function names(partitions: readonly GluePartition[]): string {
  const shown = partitions.slice(0, namesMax).map(({ Values }) => Values.join('/'))
  const more = partitions.length - shown.length
  return `${partitions.length === 1 ? 'partition' : `${partitions.length} partitions`} ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
