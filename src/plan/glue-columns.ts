/** The columns of a catalog's table out of those of its files: lower case, in Hive's types, and only where all files fit. */
import type { GlueColumn } from '../catalogs/glue-catalog.ts'
import { hiveType } from '../catalogs/glue-catalog.ts'
import { MillraceError } from '../errors.ts'
import { commonType, keptType, widens } from '../formats/column-types.ts'
import type { Column } from '../types.ts'

/** Columns that some files have; `where` names one of these files, or the partition. */
export type FileSchema = { where: string; columns: Column[] }

/**
 * The columns of all files, those of the first file first. Throws `storage` naming file and column where a type is none of Hive's or
 * where the files do not fit together: one that reads a narrow integer as a wider one is fine, a number as text is not.
 */
export function tableColumns(schemas: readonly FileSchema[]): GlueColumn[] {
  const found = new Map<string, { name: string; types: Map<string, string> }>()
  for (const { where, columns } of schemas) {
    for (const { name, type } of columns) {
      if (hiveType(type) === null) throw noHiveType(where, name, type)
      const column = found.get(name.toLowerCase()) ?? { name, types: new Map<string, string>() }
      found.set(name.toLowerCase(), column)
      if (!column.types.has(type)) column.types.set(type, where)
    }
  }
  return [...found.values()].map(({ name, types }) => {
    const type = commonType([...types.keys()])
    const misfit = [...types.keys()].find((one) => !widens(one, type))
    if (misfit !== undefined) throw misfits(name, types)
    return { Name: name.toLowerCase(), Type: hiveType(keptType([type])) as string }
  })
}

/** Why columns of a partition do not fit those of its table, or null. */
export function misfitOf(columns: readonly GlueColumn[], table: readonly GlueColumn[]): string | null {
  const types = new Map(table.map(({ Name, Type }) => [Name, Type]))
  for (const { Name, Type } of columns) {
    const type = types.get(Name)
    if (type === undefined) return `column ${Name} (${Type}) is none of the table's`
    if (!widens(Type, type)) return `column ${Name} is ${Type}, in the table ${type}`
  }
  return null
}

function noHiveType(where: string, name: string, type: string): MillraceError {
  const text = `${where}  column ${JSON.stringify(name)} is ${type}, which Hive's tables have not`
  return new MillraceError('storage', `${text}. Write it as text, or as a timestamp, before it is registered`)
}

function misfits(name: string, types: ReadonlyMap<string, string>): MillraceError {
  const [[type, where], ...others] = [...types] as [[string, string], ...[string, string][]]
  const other = others.find(([one]) => !widens(one, type) && !widens(type, one)) ?? others[0]
  const text = `${other?.[1]}  column ${JSON.stringify(name)} is ${other?.[0]}, but ${type} in ${where}`
  return new MillraceError('storage', `${text}; the files of a table must fit together. Write them anew with one type`)
}
