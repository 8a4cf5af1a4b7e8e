// Compiles src/ and systems/ to dist/ and puts beside them what is read at run time.
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
rmSync(`${root}dist`, { recursive: true, force: true })
for (const project of ['tsconfig.build.json', 'tsconfig.systems.json']) {
  const { status } = spawnSync(process.execPath, [compiler, '-p', `${root}${project}`], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
const isAsset = (file) => !file.endsWith('.ts')
cpSync(`${root}src/engines`, `${root}dist/engines`, { recursive: true, filter: isAsset })
cpSync(`${root}systems`, `${root}dist/systems`, { recursive: true, filter: isAsset })
