/** Files that turned out to be damaged when an engine read them. */
import { identityOf } from '../formats/file-identity.ts'
import type { DataFile, UnreadableFile } from '../types.ts'

/** The file, or with a reason in `damaged` (path → reason) one that cannot be read. */
export function markDamaged<T extends DataFile | UnreadableFile>(
  file: T,
  damaged: ReadonlyMap<string, string>,
): T | UnreadableFile {
  const reason = damaged.get(file.path)
  return reason === undefined ? file : { ...identityOf(file), reason }
}
