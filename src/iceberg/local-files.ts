/** The files of tables on this machine: their names as other readers write them, reading, and writing so that it lasts. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { MillraceError, messageOf, systemCode } from '../errors.ts'
import { storageError } from '../stores/folder.ts'

/** The path of a file as metadata name it: plain, `file:/x` or `file:///x`. Throws `storage` for any other scheme. */
export function localPath(uri: string): string {
  if (uri.startsWith('/')) return uri
  const found = /^file:(?:\/\/(?:localhost)?)?(\/.*)$/.exec(uri)?.[1]
  if (found !== undefined) return found
  throw new MillraceError(
    'storage',
    `${JSON.stringify(uri)} is no file of this machine; expected an absolute path or one that begins with file:/`,
  )
}

/** A whole file. Throws `input-unreadable` naming it and what it is when it is gone or cannot be read. */
export function readBytes(uri: string, what: string): Buffer {
  try {
    return fs.readFileSync(localPath(uri))
  } catch (error) {
    if (error instanceof MillraceError) throw error
    const reason = systemCode(error) === 'ENOENT' ? 'is not there' : `cannot be read: ${messageOf(error)}`
    throw new MillraceError('input-unreadable', `${uri}  this ${what} ${reason}`, { cause: error })
  }
}

/** Creates a file with all of its content, durable but for its name in the folder. Throws `exists`. */
export async function writeNew(uri: string, content: Uint8Array | string): Promise<void> {
  const target = localPath(uri)
  try {
    const handle = await fs.promises.open(target, 'wx')
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw new MillraceError('exists', `${uri} exists already`, { cause: error })
    fs.rmSync(target, { force: true })
    throw storageError(uri, error)
  }
}

/** Makes files that others wrote durable, and their names in their folders. Throws `input-unreadable` for a missing one. */
export async function syncPaths(uris: Iterable<string>): Promise<void> {
  const files = [...new Set([...uris].map(localPath))]
  const folders = [...new Set(files.map((file) => path.dirname(file)))]
  // Eight at a time: a disk takes several at once, and a commit may bring thousands of files.
  const queue = [...files, ...folders]
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await syncPath(next)
  }
  await Promise.all(Array.from({ length: 8 }, work))
}

async function syncPath(absolute: string): Promise<void> {
  try {
    const handle = await fs.promises.open(absolute, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw storageError(absolute, error)
    throw new MillraceError('input-unreadable', `${absolute}  a file to be committed is not there`, { cause: error })
  }
}

/** Makes the names in a folder durable. */
export function syncFolder(absolute: string): void {
  const handle = fs.openSync(absolute, 'r')
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}

/** Makes a folder and those above it that are missing, each durable. */
export function makeFolder(absolute: string): void {
  try {
    const first = fs.mkdirSync(absolute, { recursive: true })
    if (first === undefined) return
    for (let made = absolute; made.length >= first.length; made = path.dirname(made)) syncFolder(path.dirname(made))
  } catch (error) {
    throw storageError(absolute, error)
  }
}
