/** A store in a folder of the local file system. */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { hostname } from 'node:os'
import * as path from 'node:path'
import { MillraceError, messageOf, systemCode } from '../errors.ts'
import type { Store, StoreEntry, StoreListing } from '../store.ts'

/** Where a file is written before it appears under its name: `<process>.<random>@<host>`. */
export const draftsFolder = '_millrace/drafts'

/** Opens a folder as a storage root; it is made on first writing. */
export default function folderStore(root: string): Store {
  const absolute = path.resolve(root)
  const locate = (relative: string): string => path.join(absolute, ...safeSegments(relative))
  return {
    root: absolute,
    locate,
    kind: async (relative) => guard(relative, () => kindOf(locate(relative))),
    list: async (relative) => guard(relative, () => listFolder(locate(relative), relative)),
    // Many small files: one synchronous read takes a tenth of the time of an asynchronous one.
    read: async (relative, scratch) => guard(relative, () => readWhole(locate(relative), scratch)),
    readRange: async (relative, start, end, scratch) =>
      guard(relative, () => readRange(locate(relative), start, end, scratch)),
    readText: async (relative) => guard(relative, () => fs.readFileSync(locate(relative), 'utf8')),
    createExclusive: async (relative, content) =>
      guard(relative, () => createExclusive(absolute, locate(relative), content)),
    replace: async (relative, content) =>
      guard(relative, () => {
        const target = locate(relative)
        const draft = writeDraft(absolute, target, content)
        fs.renameSync(draft, target)
        syncFolder(path.dirname(target))
      }),
    append: async (relative, text) => guard(relative, () => appendText(locate(relative), text)),
    move: async (from, to) =>
      guard(from, () => {
        makeFolder(path.dirname(locate(to)))
        if (kindOf(locate(to)) !== 'missing') throw new MillraceError('exists', `${to} exists already`)
        fs.renameSync(locate(from), locate(to))
        syncFolder(path.dirname(locate(to)))
        syncFolder(path.dirname(locate(from)))
      }),
    prepareMove: async (from, to) => guard(to, () => prepareMove(locate(from), locate(to), to)),
    link: async (from, to) =>
      guard(from, () => {
        makeFolder(path.dirname(locate(to)))
        linkOrCopy(locate(from), locate(to))
      }),
    remove: async (relative) => guard(relative, () => fs.rmSync(locate(relative), { recursive: true, force: true })),
    makeFolder: async (relative) => guard(relative, () => makeFolder(locate(relative))),
    sync: async (relative) => {
      try {
        await syncPath(locate(relative))
      } catch (error) {
        throw storageError(relative, error)
      }
    },
  }
}

/**
 * The segments of a path below the root, checked. Throws `storage` for an absolute path, a `..` and a NUL: nothing
 * outside the root is ever read or written through a store.
 */
export function safeSegments(relative: string): string[] {
  const segments = relative.split('/').filter((segment) => segment !== '' && segment !== '.')
  const leaves = relative.startsWith('/') || segments.includes('..') || relative.includes('\0')
  if (leaves) throw new MillraceError('storage', `path ${JSON.stringify(relative)} leaves the storage root`)
  return segments
}

function isLink(absolute: string): boolean {
  return fs.lstatSync(absolute, { throwIfNoEntry: false })?.isSymbolicLink() === true
}

/** Undefined for what is not there, also below a file. */
function statOf(absolute: string): fs.Stats | undefined {
  try {
    return fs.statSync(absolute, { throwIfNoEntry: false })
  } catch (error) {
    if (systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

function kindOf(absolute: string): 'file' | 'folder' | 'missing' {
  const stat = statOf(absolute)
  if (stat === undefined) return 'missing'
  return stat.isDirectory() ? 'folder' : 'file'
}

function listFolder(absolute: string, relative: string): StoreListing {
  if (kindOf(absolute) !== 'folder') return { files: [], folders: [], unnamed: [] }
  const files: StoreEntry[] = []
  const unnamed: string[] = []
  const folders: string[] = []
  const prefix = relative === '' || relative === '.' ? '' : `${safeSegments(relative).join('/')}/`
  for (const name of fs.readdirSync(absolute).sort()) {
    // A file may go between the listing and the look at it.
    const stat = fs.statSync(path.join(absolute, name), { throwIfNoEntry: false })
    if (stat?.isDirectory()) folders.push(name)
    else if (stat?.isFile()) files.push({ path: prefix + name, bytes: stat.size, modifiedMs: stat.mtimeMs })
    // A link to nothing, a pipe, or a name that is not UTF-8: Node gives that one with replacement characters.
    else if (stat !== undefined || isLink(path.join(absolute, name)) || name.includes('\ufffd'))
      unnamed.push(prefix + name)
  }
  return { files, folders, unnamed }
}

function readWhole(absolute: string, scratch: Uint8Array | undefined): Uint8Array {
  if (scratch === undefined) return fs.readFileSync(absolute)
  const handle = fs.openSync(absolute, 'r')
  try {
    if (fs.fstatSync(handle).size > scratch.length) return fs.readFileSync(handle)
    let length = 0
    for (let count = -1; count !== 0; length += count) {
      count = fs.readSync(handle, scratch, length, scratch.length - length, null)
    }
    return scratch.subarray(0, length)
  } finally {
    fs.closeSync(handle)
  }
}

function readRange(absolute: string, start: number, end: number, scratch: Uint8Array | undefined): Uint8Array {
  const handle = fs.openSync(absolute, 'r')
  try {
    const length = end - start
    const bytes =
      scratch !== undefined && scratch.length >= length ? scratch.subarray(0, length) : new Uint8Array(length)
    const count = fs.readSync(handle, bytes, 0, bytes.length, start)
    return bytes.subarray(0, count)
  } finally {
    fs.closeSync(handle)
  }
}

function appendText(absolute: string, text: string): void {
  try {
    fs.appendFileSync(absolute, text)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    fs.mkdirSync(path.dirname(absolute), { recursive: true })
    fs.appendFileSync(absolute, text)
  }
}

/** A draft and a hard link: the name appears at once with all of the content, or not at all. */
function createExclusive(root: string, target: string, content: string): void {
  const draft = writeDraft(root, target, content)
  try {
    fs.linkSync(draft, target)
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw new MillraceError('exists', `${target} exists already`, { cause: error })
    throw error
  } finally {
    fs.rmSync(draft, { force: true })
  }
  syncFolder(path.dirname(target))
}

/** Drafts of all files lie in one folder, named after their writer, so that those of a killed one are found. */
function writeDraft(root: string, target: string, content: string): string {
  makeFolder(path.dirname(target))
  fs.mkdirSync(path.join(root, draftsFolder), { recursive: true })
  const draft = path.join(root, draftsFolder, `${process.pid}.${randomBytes(6).toString('hex')}@${hostname()}`)
  try {
    fs.writeFileSync(draft, content, { flag: 'wx', flush: true })
  } catch (error) {
    fs.rmSync(draft, { force: true })
    throw error
  }
  return draft
}

/** Makes a folder and those above it that are missing, each durable. */
function makeFolder(absolute: string): void {
  const first = fs.mkdirSync(absolute, { recursive: true })
  if (first === undefined) return
  for (let made = absolute; made.length >= first.length; made = path.dirname(made)) syncFolder(path.dirname(made))
}

/** A rename across file systems fails: better known before than after it was decided. */
function prepareMove(from: string, to: string, name: string): void {
  makeFolder(path.dirname(to))
  if (fs.statSync(from).dev === fs.statSync(path.dirname(to)).dev) return
  throw new MillraceError(
    'storage',
    `${name}  lies on another file system than _millrace/, so what is staged cannot be moved there at once. Keep the whole root on one file system`,
  )
}

/** Some file systems have no links, have too few for one file, or refuse one to a file of somebody else. */
const noLink = ['EPERM', 'EACCES', 'EXDEV', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']

function linkOrCopy(from: string, to: string): void {
  try {
    fs.linkSync(from, to)
  } catch (error) {
    const code = systemCode(error) ?? ''
    if (code === 'EEXIST') throw new MillraceError('exists', `${to} exists already`, { cause: error })
    if (!noLink.includes(code)) throw error
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL)
  }
}

/** In another thread, so that several are made durable side by side. */
async function syncPath(absolute: string): Promise<void> {
  const handle = await fs.promises.open(absolute, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A rename is durable only when its folder is. */
function syncFolder(absolute: string): void {
  const handle = fs.openSync(absolute, 'r')
  try {
    fs.fsyncSync(handle)
  } finally {
    fs.closeSync(handle)
  }
}

function guard<T>(relative: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw storageError(relative, error)
  }
}

/** Says what the operating system's error means for the storage root. */
export function storageError(where: string, error: unknown): unknown {
  if (error instanceof MillraceError) return error
  const code = systemCode(error)
  if (code === undefined) return error
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MillraceError(
      'disk-full',
      `${where}  no room left on the storage root's disk. Free some and run again`,
      {
        cause: error,
      },
    )
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    const message = `${where}  ${messageOf(error)}. A part of that path is a file; move it away and run again`
    return new MillraceError('storage', message, { cause: error })
  }
  const advice =
    code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
      ? '. Give this user the right to it, or choose another --root'
      : ''
  return new MillraceError('storage', `${where}  ${messageOf(error)}${advice}`, { cause: error })
}
