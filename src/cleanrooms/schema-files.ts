/** The generated schema mappings as files: what `aws entityresolution create-schema-mapping --cli-input-json` reads. */
import type { Store } from '../store.ts'
import type { Resource } from './resources.ts'

/** Where they lie below the root. */
export const schemaFilesFolder = 'cleanrooms-schema-mappings'

/** Writes those that are not there as they should be, and gives their paths. */
export async function writeSchemaFiles(
  store: Pick<Store, 'kind' | 'readText' | 'replace'>,
  resources: readonly Resource[],
): Promise<string[]> {
  const written: string[] = []
  for (const { name: schemaName, fields } of resources.filter(({ kind }) => kind === 'schema-mapping')) {
    const file = `${schemaFilesFolder}/${schemaName}.json`
    const content = `${JSON.stringify({ schemaName, ...fields }, null, 2)}\n`
    if ((await store.kind(file)) === 'file' && (await store.readText(file)) === content) continue
    await store.replace(file, content)
    written.push(file)
  }
  return written
}
