/** Names of columns that landed files and tables of changes cannot have, because what Millrace adds is named so. */
import { landedColumns } from './dataset.ts'

const ownNames = ['_file', '_row', 'file_row_number', 'quarantine_reason', 'quarantine_file']

/** Whether a column of this name, in whatever case, would be taken for one of ours; `partitionColumn` is in the path of files. */
export function isReservedColumn(name: string, partitionColumn: string | undefined): boolean {
  const folded = name.toLowerCase()
  return (
    folded.startsWith('$') ||
    ownNames.includes(folded) ||
    landedColumns.some((column) => column.name === folded) ||
    folded === partitionColumn?.toLowerCase()
  )
}
