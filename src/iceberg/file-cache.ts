/** Keeps what was read from files that never change. */
import * as fs from 'node:fs'
import { localPath } from './local-files.ts'

/**
 * Values of files that never change, bounded by the sum of their weights. Size and time of the file belong to the key, so that one that
 * was damaged, or written anew under its name, is not taken for what it was.
 */
export class FileCache<T> {
  readonly #values = new Map<string, { value: T; weight: number }>()
  readonly #weightMax: number
  #weight = 0

  constructor(weightMax: number) {
    this.#weightMax = weightMax
  }

  /** What was read from the file, or what `read` gives now. `variant` tells values of one file apart. */
  get(path: string, variant: string, weigh: (value: T) => number, read: () => T): T {
    const key = keyOf(path, variant)
    if (key === null) return read() // it says what is missing
    const kept = this.#values.get(key)
    const value = kept === undefined ? read() : kept.value
    this.#keep(key, value, kept?.weight ?? weigh(value))
    return value
  }

  /** Keeps what was just written to the file. */
  put(path: string, variant: string, weigh: (value: T) => number, value: T): void {
    const key = keyOf(path, variant)
    if (key !== null) this.#keep(key, value, weigh(value))
  }

  /** The one used last stands last. */
  #keep(key: string, value: T, weight: number): void {
    if (!this.#values.delete(key)) this.#weight += weight
    this.#values.set(key, { value, weight })
    this.#forget()
  }

  /** The least recently used go first. */
  #forget(): void {
    for (const [key, { weight }] of this.#values) {
      if (this.#weight <= this.#weightMax) return
      this.#values.delete(key)
      this.#weight -= weight
    }
  }
}

function keyOf(path: string, variant: string): string | null {
  const stat = fs.statSync(localPath(path), { throwIfNoEntry: false })
  return stat === undefined ? null : `${path}\n${stat.size} ${stat.mtimeMs} ${stat.ino}\n${variant}`
}
