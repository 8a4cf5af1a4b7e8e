/** Where below a table the files of a partition lie. Nothing reads the path: the values stand in the manifests. */
import { createHash } from 'node:crypto'
import { partitionTypes } from './transforms.ts'
import type { PartitionSpec, PartitionValue, Schema } from './types.ts'
import { partitionPath } from './values.ts'

const nameCharactersMax = 200 // file systems take 255 bytes; escaped names are ASCII

/** The folder relative to the table's, such as `data/state=CA`. */
export function dataFolder(
  spec: PartitionSpec,
  schemas: readonly Schema[],
  partition: readonly PartitionValue[],
): string {
  const names = partitionPath(spec, partitionTypes(spec, schemas), partition).split('/')
  return ['data', ...names.filter((name) => name !== '').map(shortened)].join('/')
}

function shortened(name: string): string {
  if (name.length <= nameCharactersMax) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return `${name.slice(0, nameCharactersMax - hash.length - 1).replace(/%[^%]?$/, '')}~${hash}`
}
