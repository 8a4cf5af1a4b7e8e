/** Where bytes are kept: what every store does. Types only. */

/** A file; `modifiedMs` (since 1970, with fractions) changes when its content does. */
export type StoreEntry = { path: string; bytes: number; modifiedMs: number }

/** What lies directly in a folder. `unnamed` is what is there but cannot be opened as a file:
 * links to nothing, pipes, names that are no valid text. */
export type StoreListing = { files: StoreEntry[]; folders: string[]; unnamed: string[] }

/** Bytes below one root. Paths are relative to it, with `/`; a path that would leave the root is an error. */
export type Store = {
  /** How a person knows the root. */
  root: string
  /** The absolute path of a relative one. */
  locate(path: string): string
  kind(path: string): Promise<'file' | 'folder' | 'missing'>
  /** Files and folders directly below a folder, in order of their names; empty when it is missing. */
  list(path: string): Promise<StoreListing>
  /** A whole file. With `scratch` the bytes may lie in it, until the next call that gets it. */
  read(path: string, scratch?: Uint8Array): Promise<Uint8Array>
  /** Bytes `start` to `end` (exclusive) of a file; `scratch` as for `read`. */
  readRange(path: string, start: number, end: number, scratch?: Uint8Array): Promise<Uint8Array>
  readText(path: string): Promise<string>
  /** Creates a file with all of its content or throws `exists`; durable when it returns. */
  createExclusive(path: string, content: string): Promise<void>
  /** Replaces a file with all of its content; a reader sees the old or the new. */
  replace(path: string, content: string): Promise<void>
  /** Adds text to the end of a file that has one writer; made when missing. */
  append(path: string, text: string): Promise<void>
  /** Moves a file or a folder; the target must not exist, its parent is made. */
  move(from: string, to: string): Promise<void>
  /** Makes the parent of a move's target. Throws `storage` where the move could not be made at once. */
  prepareMove(from: string, to: string): Promise<void>
  /** Gives a file a second name, whose parent is made; where the file system cannot, a copy of it. Throws `exists`. */
  link(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  makeFolder(path: string): Promise<void>
  /** Makes what others wrote to a file, or the names in a folder, durable. */
  sync(path: string): Promise<void>
}

/** The part of a store that only reads. */
export type ReadableStore = Pick<Store, 'root' | 'locate' | 'kind' | 'list' | 'read' | 'readRange' | 'readText'>
