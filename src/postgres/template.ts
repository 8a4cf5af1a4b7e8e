/**
 * A new database as one file: making one anew takes seconds and half a gigabyte of memory, unpacking it a moment. The build
 * packs it; where it is missing, databases are made the long way.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

/** Where the build puts it. */
export const templateFile = new URL('./template.gz', import.meta.url)

/** What is in it, in order: folders have no size. */
type Entry = { name: string; bytes: number | null }

// PostgreSQL makes these anew where they are missing: maps of free space and of pages that everybody sees, and segments of its
// log that wait, under a number to come, for being written.
const map = /\/\d+_(fsm|vm)$/
const segment = /^pg_wal\/[0-9A-F]{24}$/

/** Packs a folder whose database is closed. */
export function packTemplate(folder: string, file: string | URL): void {
  const all = fs.readdirSync(folder, { recursive: true }).map(String).sort()
  const current = all.find((name) => segment.test(name)) // a closed database has no older one
  const names = all.filter((name) => !map.test(name) && (!segment.test(name) || name === current))
  const contents: Buffer[] = []
  const entries = names.map((name): Entry => {
    if (fs.statSync(path.join(folder, name)).isDirectory()) return { name, bytes: null }
    const content = fs.readFileSync(path.join(folder, name))
    contents.push(content)
    return { name, bytes: content.length }
  })
  fs.writeFileSync(file, gzipSync(Buffer.concat([Buffer.from(`${JSON.stringify(entries)}\n`), ...contents])))
}

/** Unpacks into a folder that is there and empty; false where nothing was packed. */
export function unpackTemplate(folder: string): boolean {
  if (!fs.existsSync(templateFile)) return false
  const content = gunzipSync(fs.readFileSync(templateFile), { chunkSize: 2 ** 24 }) // in one piece
  let at = content.indexOf('\n') + 1
  for (const { name, bytes } of JSON.parse(content.toString('utf8', 0, at)) as Entry[]) {
    const target = path.join(folder, name)
    if (bytes === null) fs.mkdirSync(target)
    else {
      fs.writeFileSync(target, content.subarray(at, at + bytes), { mode: 0o600 })
      fs.utimesSync(target, 0, 0) // what is written from now on is younger, and is made durable
      at += bytes
    }
  }
  return true
}
