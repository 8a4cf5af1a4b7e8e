// Publishes staged work and ends itself with SIGKILL just before its n-th change of the file system, or in the middle of
// that one where it can be seen half done. Arguments: the root, n, the publication as JSON.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'

const [root, killAt, publication] = process.argv.slice(2)
let changes = 0

function change(halfDone = () => {}) {
  changes += 1
  if (changes !== Number(killAt)) return
  halfDone()
  process.kill(process.pid, 'SIGKILL')
  // The signal may take a moment; nothing may happen in it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

const { mkdirSync, renameSync, linkSync, writeFileSync, appendFileSync, rmSync } = fs
fs.mkdirSync = (folder, ...rest) => {
  if (!fs.existsSync(folder)) change()
  return mkdirSync(folder, ...rest)
}
fs.renameSync = (...args) => {
  change()
  renameSync(...args)
}
fs.linkSync = (...args) => {
  change()
  linkSync(...args)
}
fs.writeFileSync = (file, content, ...rest) => {
  change()
  change(() => writeFileSync(file, content.slice(0, content.length / 2)))
  writeFileSync(file, content, ...rest)
}
fs.appendFileSync = (file, content, ...rest) => {
  change()
  change(() => appendFileSync(file, content.slice(0, content.length / 2)))
  appendFileSync(file, content, ...rest)
}
fs.rmSync = (target, options) => {
  const isFolder = fs.statSync(target, { throwIfNoEntry: false })?.isDirectory() === true
  if (isFolder) for (const name of fs.readdirSync(target)) fs.rmSync(path.join(target, name), options)
  change()
  rmSync(target, options)
}
syncBuiltinESMExports()

const { default: folderStore } = await import('../../dist/stores/folder.js')
const { commit } = await import('../../dist/run/commits.js')
const { publicationOf } = await import('../../dist/run/publication.js')
const { plan, staged, context, committedAt } = JSON.parse(publication)
const store = folderStore(root)
const { signal } = new AbortController()
await commit(
  store,
  { ...(await publicationOf(plan, staged, { ...context, store, signal })), committedAt },
  async () => {},
)
