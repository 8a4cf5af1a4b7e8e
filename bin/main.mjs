/** The program: what is around a command. */
import { existsSync, readFileSync } from 'node:fs'

if (!existsSync(new URL('../dist/cli.js', import.meta.url))) {
  process.stderr.write('millrace: not built yet. Run npm run build\n')
  process.exit(2)
}
// The AWS SDK tells users of Node 20 to move on; this program supports it, with versions of the SDK that do too.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
const { main } = await import('../dist/cli.js')
const { systems } = await import('../dist/systems/index.js')
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

const controller = new AbortController()
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  // The first asks the run to drain; the second ends the process, and the next command mends what it left.
  process.on(signal, () => {
    if (controller.signal.aborted) process.exit(code)
    process.stderr.write(
      '\nstopping: what is being written is dropped, what is decided is finished. Once more to end at once\n',
    )
    controller.abort()
  })
}
// A reader such as head may close a pipe early: what it does not want is dropped, the work and its exit code go on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error
    stream.write = (_text, done) => {
      if (typeof done === 'function') done()
      return true
    }
  })
}
const code = await main(process.argv.slice(2), {
  systems,
  version,
  // How a person starts this program where they are: in a clone, or where the package is installed.
  command: existsSync('bin/millrace.js') ? 'node bin/millrace.js' : 'npx millrace',
  folder: process.cwd(),
  variables: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
  now: () => new Date(),
})
// Ending here and not by running out of work saves a quarter of a second for a million rows, which giving the engine's
// memory back piece by piece would take. What was written must be out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
