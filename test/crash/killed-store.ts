/** A store that stops in the middle, as if its process had been killed at that moment. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Store } from '../../src/store.ts'
import folderStore from '../../src/stores/folder.ts'

export type KilledStore = Store & {
  /** Moments passed so far. */
  moments(): number
  isKilled(): boolean
}

/**
 * Counts the moments at which a kill leaves another state of the folder: before each operation that changes something,
 * and inside those that are no single system call. At the moment `killAt` (from 1) the operation is left as far as it
 * came, and nothing that is asked of the store later happens: not the clean-up of a `finally` either.
 */
export function killedStore(root: string, killAt: number): KilledStore {
  const store = folderStore(root)
  let moments = 0
  let killed = false
  const alive = (): void => {
    if (killed) throw new Error('killed')
  }
  const moment = (halfDone: () => void = () => {}): void => {
    alive()
    moments += 1
    if (moments !== killAt) return
    halfDone()
    killed = true
    alive()
  }
  const reading = <A extends unknown[], T>(act: (...args: A) => Promise<T>): ((...args: A) => Promise<T>) => {
    return async (...args) => {
      alive()
      return await act(...args)
    }
  }
  return {
    root: store.root,
    locate: store.locate,
    kind: reading(store.kind),
    list: reading(store.list),
    read: reading(store.read),
    readRange: reading(store.readRange),
    readText: reading(store.readText),
    createExclusive: async (file, content) => {
      moment()
      await store.createExclusive(file, content)
    },
    replace: async (file, content) => {
      moment()
      await store.replace(file, content)
    },
    append: async (file, text) => {
      moment()
      moment(() => fs.appendFileSync(store.locate(file), text.slice(0, text.length / 2)))
      await store.append(file, text)
    },
    move: async (from, to) => {
      moment()
      moment(() => fs.mkdirSync(path.dirname(store.locate(to)), { recursive: true }))
      await store.move(from, to)
    },
    prepareMove: async (from, to) => {
      moment()
      await store.prepareMove(from, to)
    },
    link: async (from, to) => {
      moment()
      await store.link(from, to)
    },
    remove: async (target) => {
      moment()
      const entries = entriesBelow(store.locate(target))
      // The order in which a folder is emptied is not promised: once from either end.
      for (const order of [entries, entries.toReversed()]) {
        for (let count = 1; count < order.length; count += 1) moment(() => removeEntries(order.slice(0, count)))
      }
      await store.remove(target)
    },
    makeFolder: async (folder) => {
      moment()
      await store.makeFolder(folder)
    },
    sync: async (file) => {
      moment()
      await store.sync(file)
    },
    moments: () => moments,
    isKilled: () => killed,
  }
}

/** Files and folders that lie directly below a folder. */
function entriesBelow(folder: string): string[] {
  if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return []
  return fs.readdirSync(folder).map((name) => path.join(folder, name))
}

function removeEntries(entries: readonly string[]): void {
  for (const entry of entries) fs.rmSync(entry, { recursive: true, force: true })
}
