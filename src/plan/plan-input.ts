/** Files as the input of a plan. */
import { identityOf } from '../formats/file-identity.ts'
import type { Column, DataFile, PlanInput } from '../types.ts'

/** An input of these files, in the order of their schemas: thousands of files have few. */
export function planInput(
  name: string,
  columns: Column[],
  files: readonly Pick<DataFile, 'path' | 'bytes' | 'sha256' | 'rows' | 'columns'>[],
  lineage: boolean,
): PlanInput {
  const schemas: Column[][] = []
  const numbers = new Map<string, number>()
  const lists = new Map<Column[], number>() // files that share a list need not have it compared
  const numberOf = (own: Column[]): number => {
    const key = JSON.stringify(own)
    const number = numbers.get(key) ?? schemas.push(own) - 1
    numbers.set(key, number)
    return number
  }
  const listed = files.map((file) => {
    const number = lists.get(file.columns) ?? numberOf(file.columns)
    lists.set(file.columns, number)
    return { ...identityOf(file), rows: file.rows, schema: number }
  })
  return { name, columns, lineage, schemas, files: listed.sort((a, b) => a.schema - b.schema) }
}
