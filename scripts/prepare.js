// Installs the locked dependencies where they are missing, and builds where a source is newer than what was built.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Runs a program with its output shown; ends this one where it fails. */
export function step(command, args, options = {}) {
  const { status, signal } = spawnSync(command, args, { stdio: 'inherit', cwd: root, ...options })
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1))
}

export function prepare() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    process.stderr.write(`millrace needs Node 20.19 or later; this is ${process.version}\n`)
    process.exit(2)
  }
  if (isInstallNeeded()) step('npm', ['ci', '--no-fund', '--no-audit'], { shell: process.platform === 'win32' })
  if (isBuildNeeded()) step(process.execPath, [`${root}scripts/build.js`])
}

function isInstallNeeded() {
  const installed = `${root}node_modules/.package-lock.json`
  return !existsSync(installed) || statSync(installed).mtimeMs < statSync(`${root}package-lock.json`).mtimeMs
}

function isBuildNeeded() {
  if (!existsSync(`${root}dist/cli.js`) || !existsSync(`${root}dist/systems/index.js`)) return true
  const builtMs = statSync(`${root}dist`).mtimeMs
  return ['src', 'systems'].some((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true }).some(
      (file) => statSync(`${root}${folder}/${file}`).mtimeMs > builtMs,
    ),
  )
}
