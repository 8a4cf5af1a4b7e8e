/** Files as the input of a plan. */
import { identityOf } from '../formats/file-identity.ts'
import type { Column, DataFile, PlanInput } from '../types.ts'

/** An input of these files, in the order of their schemas: thousands of files have few. */
export function planInput(name: string, columns: Column[], files: readonly DataFile[], lineage: boolean): PlanInput {
  const schemas: Column[][] = []
  const numbers = new Map<string, number>()
  const listed = files.map((file) => {
    const key = JSON.stringify(file.columns)
    const number = numbers.get(key) ?? schemas.push(file.columns) - 1
    numbers.set(key, number)
    return { ...identityOf(file), rows: file.rows, schema: number }
  })
  return { name, columns, lineage, schemas, files: listed.sort((a, b) => a.schema - b.schema) }
}
