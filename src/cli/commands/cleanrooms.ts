/** `cleanrooms plan | apply | verify | lint | report | discover`: AWS Clean Rooms and Entity Resolution as a definition says. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import localGlueCatalog from '../../catalogs/local-glue-catalog.ts'
import type { CleanRoomsAccount } from '../../cleanrooms/account.ts'
import { type CleanRooms, type CleanRoomsOptions, cleanRoomsEnvironment } from '../../cleanrooms/definition.ts'
import type { Finding } from '../../cleanrooms/finding.ts'
import type { ObservedAccount } from '../../cleanrooms/resources.ts'
import { didYouMean, MillraceError, messageOf } from '../../errors.ts'
import { takeLock } from '../../run/lock.ts'
import {
  showChange,
  showCleanRoomsPlan,
  showCleanRoomsReport,
  showCounts,
  showFindings,
} from '../../show/clean-rooms.ts'
import type { Store } from '../../store.ts'
import { loadModule } from '../config.ts'
import {
  allPipelines,
  type Command,
  type CommandContext,
  environmentName,
  findPipeline,
  openStore,
  waitMs,
} from '../context.ts'

/** What every action works with. */
type Room = { definition: CleanRooms; env: string; store: Store; account: CleanRoomsAccount }
type Action = (context: CommandContext, room: Room) => Promise<number>

const actions: Record<string, Action> = {
  ...{ plan, verify, lint, report },
  apply: alone('apply', apply),
  discover: alone('discover', discover),
}
const actionNames = ['plan', 'apply', 'verify', 'lint', 'report', 'discover']

export const cleanroomsCommand: Command = {
  name: 'cleanrooms',
  usage: 'cleanrooms <action> [pipeline]',
  summary: `${actionNames.join(', ')}: tables of the catalog in AWS Clean Rooms and Entity Resolution`,
  flags: [
    {
      name: 'definition',
      value: 'FILE',
      text: 'the clean rooms, JSON or TypeScript (default: the pipeline that has some)',
    },
    {
      name: 'account',
      value: 'WHERE',
      text: 'local: an account in a file below the root (default); aws: the real one',
    },
    {
      name: 'prune',
      value: null,
      text: 'of plan, apply, verify: also remove what bears the definition’s names and is not in it',
    },
    { name: 'wait', value: 'TIME', text: 'of apply, discover: how long to wait for another of them (default 60s)' },
  ],
  run: async (context) => {
    const [name] = context.positionals
    const act = name !== undefined && Object.hasOwn(actions, name) ? actions[name] : undefined
    if (act === undefined) {
      const what = name === undefined ? 'what shall be done with the clean rooms?' : `clean rooms know no ${name}`
      const hint = name === undefined ? '' : didYouMean(name, actionNames)
      throw new MillraceError('usage', `${what} (${actionNames.join(', ')})${hint}`)
    }
    return await act(context, await openRoom(context))
  },
}

/** One at a time on one root: each reads the account and the definitions that the one before it left. */
function alone(name: string, act: Action): Action {
  return async (context, room) => {
    const { signal, stderr } = context.environment
    const onWait = (holder: string): void => {
      if (!context.isQuiet) stderr.write(`waiting for ${holder} to end\n`)
    }
    const options = { waitMs: waitMs(context), signal, onWait }
    const lock = await takeLock(room.store, 'cleanrooms', `cleanrooms ${name}`, options)
    try {
      return await act(context, room)
    } finally {
      // Where the release cannot be written, the lock is free as soon as this process has ended.
      await lock.release().catch(() => {})
    }
  }
}

async function openRoom(context: CommandContext): Promise<Room> {
  const where = context.flags.get('account') ?? 'local'
  if (where !== 'local' && where !== 'aws')
    throw new MillraceError('usage', `--account ${where} is refused: expected local or aws`)
  const env = environmentName(context)
  const definition = await findDefinition(context)
  const environment = cleanRoomsEnvironment(definition, env)
  const store = await openStore(context, where === 'local')
  const { openAccount } = await import('../../cleanrooms/account.ts')
  const { localAccount, localAccountFile } = await import('../../cleanrooms/local/local-account.ts')
  const text =
    where === 'aws' ? `AWS account ${environment.account}` : `the local account ${store.locate(localAccountFile)}`
  if (!context.isQuiet)
    context.environment.stderr.write(
      `${definition.name}, ${env}, ${environment.region}: ${text}${context.flags.has('account') ? '' : ' (--account aws for the real one)'}\n`,
    )
  const answer = localAccount(store, localGlueCatalog(store), environment, { now: context.environment.now })
  const account = await openAccount(environment, text, where === 'local' ? { answer } : {})
  return { definition, env, store, account }
}

/** From `--definition`, the pipeline named, or the one pipeline that has clean rooms. */
async function findDefinition({ flags, positionals, config, environment }: CommandContext): Promise<CleanRooms> {
  const file = flags.get('definition')
  const name = positionals[1]
  if (file !== undefined && name !== undefined)
    throw new MillraceError('usage', `pipeline ${name} and --definition ${file} are both given; give one of them`)
  if (file !== undefined) return await readDefinition(file, path.resolve(environment.folder, file))
  if (name !== undefined) {
    const { cleanRooms } = await findPipeline(name, config, environment)
    if (cleanRooms !== null) return cleanRooms
    throw new MillraceError('usage', `pipeline ${name} has no clean rooms; give --definition FILE`)
  }
  const found = new Map<CleanRooms, string>()
  for (const pipeline of allPipelines(config, environment.systems)) {
    const { cleanRooms } = await pipeline.load()
    if (cleanRooms !== null) found.set(cleanRooms, found.get(cleanRooms) ?? pipeline.name)
  }
  const [only] = found.keys()
  if (only !== undefined && found.size === 1) return only
  const text =
    found.size === 0
      ? 'no pipeline has clean rooms'
      : `several pipelines have clean rooms: ${[...found.values()].join(', ')}`
  throw new MillraceError('usage', `${text}; name one, or give --definition FILE`)
}

async function readDefinition(file: string, absolute: string): Promise<CleanRooms> {
  const { defineCleanRooms } = await import('../../cleanrooms/definition.ts')
  if (!fs.existsSync(absolute)) throw new MillraceError('usage', `--definition ${file}  there is no such file`)
  if (!file.endsWith('.json')) return defineCleanRooms((await loadModule(absolute)) as CleanRoomsOptions, file)
  let content: unknown
  try {
    content = JSON.parse(fs.readFileSync(absolute, 'utf8'))
  } catch (error) {
    throw new MillraceError('usage', `--definition ${file}  is no JSON: ${messageOf(error)}`, { cause: error })
  }
  return defineCleanRooms(content as CleanRoomsOptions, file)
}

async function planned({ flags }: CommandContext, { definition, env, account }: Room) {
  const { planCleanRooms } = await import('../../cleanrooms/plan.ts')
  return await planCleanRooms(definition, env, account, { prune: flags.get('prune') === 'true' })
}

async function plan(context: CommandContext, room: Room): Promise<number> {
  const { changes, unmanaged } = await planned(context, room)
  context.data({ changes, unmanaged }, () => showCleanRoomsPlan(changes, unmanaged))
  return 0
}

async function verify(context: CommandContext, room: Room): Promise<number> {
  const { changes, unmanaged } = await planned(context, room)
  context.data({ changes, unmanaged }, () => showCleanRoomsPlan(changes, unmanaged))
  return changes.length === 0 ? 0 : 1
}

async function apply(context: CommandContext, room: Room): Promise<number> {
  const { definition, env, store, account } = room
  const errors = (await findingsOf(room, await observed(room))).filter(({ level }) => level === 'error')
  if (errors.length > 0)
    context.environment.stderr.write(`warning: the services will refuse some of it:\n${showFindings(errors)}\n`)
  const [{ applyCleanRooms }, { writeSchemaFiles }] = await Promise.all([
    import('../../cleanrooms/apply.ts'),
    import('../../cleanrooms/schema-files.ts'),
  ])
  const { made, unmanaged, desired } = await applyCleanRooms(definition, env, account, {
    prune: context.flags.get('prune') === 'true',
    onChange: (change) => {
      if (!context.isJson && !context.isQuiet) context.environment.stdout.write(`${showChange(change)}\n`)
    },
  })
  const files = await writeSchemaFiles(store, desired)
  context.data({ changes: made, unmanaged, files }, () => {
    const counts = showCounts(made, unmanaged.length).replaceAll(/ to (\w+)/g, (_, verb: string) => ` ${pastOf[verb]}`)
    return [...files.map((file) => `wrote ${file}`), made.length === 0 ? 'nothing to change' : counts].join('\n')
  })
  return 0
}

const pastOf: Record<string, string> = {
  create: 'created',
  update: 'updated',
  replace: 'replaced',
  rename: 'renamed',
  delete: 'deleted',
}

async function lint(context: CommandContext, room: Room): Promise<number> {
  const findings = await findingsOf(room, await observed(room))
  context.data({ findings }, () => showFindings(findings))
  return findings.some(({ level }) => level === 'error') ? 1 : 0
}

async function observed({ definition, env, account }: Room): Promise<ObservedAccount> {
  const { observeAccount } = await import('../../cleanrooms/plan.ts')
  return await observeAccount(definition, env, account)
}

async function findingsOf({ definition, env, store }: Room, { tables }: ObservedAccount): Promise<Finding[]> {
  const [{ lintCleanRooms }, { readTableFiles }, { desiredResources, isOffered }] = await Promise.all([
    import('../../cleanrooms/lint.ts'),
    import('../../cleanrooms/table-files.ts'),
    import('../../cleanrooms/desired.ts'),
  ])
  const offered = tables.filter(({ name }) => isOffered(definition, name))
  const desired = desiredResources(definition, env, tables)
  return lintCleanRooms(definition, env, desired, tables, await readTableFiles(store, offered))
}

async function report(context: CommandContext, room: Room): Promise<number> {
  const { definition, env, store } = room
  const { reportOf, reportFiles } = await import('../../cleanrooms/report.ts')
  const found = await observed(room)
  const findings = await findingsOf(room, found)
  const environment = cleanRoomsEnvironment(definition, env)
  const made = reportOf(definition, env, environment, found, context.environment.now(), findings)
  const files = reportFiles(made)
  for (const { path: file, content } of files) await store.replace(file, content)
  const paths = files.map((file) => file.path)
  context.data({ files: paths, report: made }, () => showCleanRoomsReport(made, paths))
  return 0
}

async function discover(context: CommandContext, { definition, env, store, account }: Room): Promise<number> {
  const [{ discoverDefinition }, { observeAccount }] = await Promise.all([
    import('../../cleanrooms/discover.ts'),
    import('../../cleanrooms/plan.ts'),
  ])
  const observed = await observeAccount(definition, env, account)
  const found = discoverDefinition(definition, env, observed)
  const file = `cleanrooms-definitions/${found.name}-${env}.json`
  await store.replace(file, `${JSON.stringify(found, null, 2)}\n`)
  const counts = `${observed.resources.length} resources, ${found.environments[env]?.resources.length} to the letter`
  context.data({ file, definition: found }, () => `${store.locate(file)}\n${counts}`)
  return 0
}
