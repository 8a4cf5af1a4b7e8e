/** What identifies a file. */
import type { FileIdentity } from '../types.ts'

/** One text for it: equal for the same content at the same path, and for nothing else. */
export function identityText({ path, bytes, sha256 }: FileIdentity): string {
  return `${sha256} ${bytes} ${path}`
}

/** A file's identity alone. */
export function identityOf({ path, bytes, sha256 }: FileIdentity): FileIdentity {
  return { path, bytes, sha256 }
}

/** The name of a file, without its folders. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The folder that a file lies in. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}
