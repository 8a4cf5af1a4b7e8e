/** Finds the partitions of a table in storage: folders `<column>=<value>`, values escaped as Hive does. */
import type { StoreEntry } from '../../store.ts'
import { type DataFolders, isParquetName } from './data-folders.ts'

/** A partition that has files; `files` lie where they are now, `location` is where they belong. */
export type FoundPartition = { values: string[]; location: string; files: StoreEntry[] }

/** Partitions in order of their values, and a sentence for each thing that lies there and is none. */
export type FoundPartitions = { partitions: FoundPartition[]; odd: string[] }

/** Looks below the folder of a table with these partition columns. */
export async function partitionsIn(
  folder: string,
  columns: readonly string[],
  list: DataFolders,
): Promise<FoundPartitions> {
  const [column = '', ...inner] = columns
  const { files, folders } = await list(folder)
  const odd = files.map(({ path }) => `${path}  lies beside the partitions of its table and is not read`)
  const partitions: FoundPartition[] = []
  for (const name of folders) {
    const location = `${folder}/${name}`
    const value = partitionValue(name, column)
    if (value === null) {
      odd.push(`${location}  is no partition; expected ${column}=<value>. Rename it, or move it away`)
    } else if (isDated(column) && !isDate(value)) {
      odd.push(`${location}  is no partition; expected ${column}=YYYY-MM-DD. Rename it, or move it away`)
    } else if (inner.length > 0) {
      const below = await partitionsIn(location, inner, list)
      partitions.push(...below.partitions.map(({ values, ...rest }) => ({ ...rest, values: [value, ...values] })))
      odd.push(...below.odd)
    } else {
      const own = await list(location)
      odd.push(...own.folders.map((one) => `${location}/${one}  lies in a partition and is not read`))
      if (own.files.some(isParquetName)) partitions.push({ values: [value], location, files: own.files })
      else odd.push(`${location}  has no Parquet files and is not taken for a partition`)
    }
  }
  return withoutTwins(partitions, odd)
}

/** `a%3Ab` and `a:b` are one value. */
function withoutTwins(partitions: readonly FoundPartition[], odd: string[]): FoundPartitions {
  const byValues = new Map<string, FoundPartition>()
  for (const partition of partitions) {
    const key = partition.values.join('\0')
    const twin = byValues.get(key)
    if (twin === undefined) byValues.set(key, partition)
    else odd.push(`${partition.location}  has the value of ${twin.location} in another spelling and is not read`)
  }
  const keys = [...byValues.keys()].sort()
  return { partitions: keys.map((key) => byValues.get(key) as FoundPartition), odd }
}

/** By its name a column of dates: somebody's copy beside them would be taken for the newest. */
function isDated(column: string): boolean {
  return /_(dt|date)$/.test(column)
}

function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}([ T].*)?$/.test(text) && !Number.isNaN(Date.parse(text))
}

/** The value that a folder's name gives a column; null where it is no partition of it. */
export function partitionValue(name: string, column: string): string | null {
  const value = name.startsWith(`${column}=`) ? name.slice(column.length + 1) : ''
  return value === ''
    ? null
    : value.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
}
