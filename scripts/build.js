// Compiles src/ and systems/ to dist/ and puts beside them what is read at run time. Files are overwritten in place, so
// that a command that is running meanwhile goes on; what no source stands for any more is removed at the end.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = `${root}node_modules/typescript/bin/tsc`
const startedMs = Date.now() - 2000 // file systems keep times no finer than two seconds
for (const project of ['tsconfig.build.json', 'tsconfig.systems.json']) {
  const { status } = spawnSync(process.execPath, [compiler, '-p', `${root}${project}`], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
const isAsset = (file) => !file.endsWith('.ts') && !file.includes('__pycache__')
cpSync(`${root}src/engines`, `${root}dist/engines`, { recursive: true, filter: isAsset })
cpSync(`${root}systems`, `${root}dist/systems`, { recursive: true, filter: isAsset })
// A new embedded database, packed once for each version of PGlite.
const template = `${root}dist/postgres/template.gz`
const { version } = JSON.parse(readFileSync(`${root}node_modules/@electric-sql/pglite/package.json`, 'utf8'))
const versionFile = `${root}dist/postgres/template.version`
if (!existsSync(template) || !existsSync(versionFile) || readFileSync(versionFile, 'utf8') !== version) {
  const { makeTemplate } = await import(new URL('../dist/postgres/embedded.js', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'millrace-template-'))
  await makeTemplate(folder, template)
  rmSync(folder, { recursive: true })
  writeFileSync(versionFile, version)
}
for (const made of [template, versionFile]) utimesSync(made, new Date(), new Date())
for (const file of readdirSync(`${root}dist`, { recursive: true })) {
  const path = `${root}dist/${file}`
  const stat = statSync(path)
  const source = [`${root}src/${file}`, `${root}${file}`].some((candidate) => existsSync(candidate))
  if (stat.isFile() && stat.mtimeMs < startedMs && !source) rmSync(path)
}
const now = new Date()
utimesSync(`${root}dist`, now, now)
