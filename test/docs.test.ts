/** The documents say what is so: README's commands run, its example is a pipeline, every flag and event is documented. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cleanroomsCommand } from '../src/cli/commands/cleanrooms.ts'
import { runCommand } from '../src/cli/commands/run.ts'
import { sampleCommand } from '../src/cli/commands/sample.ts'
import { commonFlags } from '../src/cli/context.ts'
import { millrace } from './cli.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const document = (name: string): string => fs.readFileSync(path.join(root, name), 'utf8')
const readme = document('README.md')
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => match[1] as string)

// A project that has the package installed, as a user's has.
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-docs-'))
beforeAll(() => {
  fs.mkdirSync(path.join(folder, 'node_modules'))
  fs.symlinkSync(root, path.join(folder, 'node_modules/millrace'))
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

describe('README.md', () => {
  it('has at most 120 lines', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(120)
  })

  it('has commands that run, in their order', async () => {
    const commands = blocks(readme, 'sh').join('').trim().split('\n')
    const npm = commands.filter((command) => command.startsWith('npm '))
    expect(npm).toEqual(['npm run demo', 'npm test'])
    const own = commands.filter((command) => !npm.includes(command))
    expect(own.length).toBeGreaterThan(5)
    fs.mkdirSync(path.join(folder, 'bin'))
    fs.writeFileSync(path.join(folder, 'bin/millrace.js'), `import '${path.join(root, 'bin/millrace.js')}'\n`)
    await millrace(['--version'], {})
    for (const command of own) {
      const { status, stderr } = spawnSync('bash', ['-c', command], { cwd: folder, encoding: 'utf8' })
      expect({ command, status, stderr: status === 0 ? '' : stderr }).toEqual({ command, status: 0, stderr: '' })
    }
  })

  it('has an example that is a pipeline', async () => {
    fs.writeFileSync(path.join(folder, 'payments.ts'), blocks(readme, 'ts')[0] as string)
    fs.mkdirSync(path.join(folder, 'lake'), { recursive: true })
    const ran = await millrace(['asl', path.join(folder, 'payments.ts'), '--day', '2025-11-02'], {})
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(ran.stdout).StartAt).toBe('consolidate-payments')
  })

  it('links to files that are there', () => {
    for (const name of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']) {
      const links = [...document(name).matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1] as string)
      expect(links.filter((link) => !fs.existsSync(path.join(root, link)))).toEqual([])
    }
  })
})

describe('docs/', () => {
  it('name every command and every flag', async () => {
    const text = document('docs/command-line.md')
    const help = (await millrace(['help'], {})).stdout
    const commands = [...help.matchAll(/^ {2}([a-z]+)( |$)/gm)].map((match) => match[1] as string)
    expect(commands).toContain('retry')
    expect(commands.filter((name) => !text.includes(`\`${name}`))).toEqual([])
    const flags = [...commonFlags, ...runCommand.flags, ...sampleCommand.flags, ...cleanroomsCommand.flags].map(
      ({ name }) => name,
    )
    expect(flags.filter((name) => !text.includes(`\`--${name}`))).toEqual([])
  })

  it('name every event', () => {
    const types = [...document('src/events.ts').matchAll(/^ +\| \{ type: '([a-z-]+)'|^ +type: '([a-z-]+)'$/gm)]
    const names = types.map((match) => (match[1] ?? match[2]) as string)
    expect(names).toContain('run-finished')
    expect(names).toContain('published')
    expect(names.filter((name) => !document('docs/events.md').includes(`\`${name}\``))).toEqual([])
  })
})

describe('ARCHITECTURE.md', () => {
  it('has at most 200 lines and names tests and sources that are there', () => {
    const text = document('ARCHITECTURE.md')
    expect(text.split('\n').length).toBeLessThanOrEqual(200)
    const paths = [...text.matchAll(/`((?:src|test|bin|systems)\/[\w./-]+)`/g)].map((match) => match[1] as string)
    expect(paths.length).toBeGreaterThan(10)
    expect(paths.filter((name) => !fs.existsSync(path.join(root, name)))).toEqual([])
  })

  it('names every folder of src/', () => {
    const text = document('ARCHITECTURE.md')
    const folders = fs
      .readdirSync(path.join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
    expect(folders.map(({ name }) => name).filter((name) => !text.includes(name))).toEqual([])
  })
})
