/** Appends to a table and ends itself with SIGKILL just before or after the link that decides: `<folder> <before|after>`. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const [folder = '', moment] = process.argv.slice(2)
const { linkSync } = fs
fs.linkSync = (existing, target) => {
  if (moment === 'after') linkSync(existing, target)
  process.kill(process.pid, 'SIGKILL')
  // The signal may take a moment; nothing may happen in it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
syncBuiltinESMExports()

const { folderCatalog } = await import('../../src/iceberg/folder-catalog.ts')
const { append, dataFile } = await import('./listed-files.ts')
await append(folderCatalog(folder), dataFile(folder))
