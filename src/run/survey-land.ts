/** Looks at what DMS wrote since the last landing. */
import type { LandTask } from '../define/land.ts'
import { type Limiter, limiter } from '../engines/limiter.ts'
import { MillraceError } from '../errors.ts'
import { identityText } from '../formats/file-identity.ts'
import { inspectParquet } from '../formats/parquet.ts'
import { type ArrivedFile, type LandSurvey, planLand, refusalOf, widenings } from '../plan/land.ts'
import { listTable, listTables } from '../sources/dms-folder.ts'
import type { CommitRecord, ConsumedFile, PlanUnit } from '../types.ts'
import { latestCommit } from './commits.ts'
import { markDamaged } from './damaged.ts'
import type { SurveyContext } from './task-context.ts'

/** One unit for each table that has a folder. Throws `no-input` when none has. */
export async function landUnits(task: LandTask, pipeline: string, context: SurveyContext): Promise<PlanUnit[]> {
  const { path, tables } = task.from
  const folders = await listTables(context.store, path)
  const names = new Map(tables.map((table) => [table.toLowerCase(), table]))
  // Reading is work for one core: one table after the other, and the first is landed while others are read.
  const turns = limiter()
  const units: PlanUnit[] = []
  for (const folder of folders) {
    const table = names.get(folder.toLowerCase())
    const twins = folders.filter((other) => other.toLowerCase() === folder.toLowerCase())
    if (table !== undefined && twins.length > 1) {
      if (twins[0] === folder) units.push(refusedUnit(task, table, twins))
    } else if (table === undefined) {
      await context.onWarning(
        `${path}/${folder}  has no definition and was not landed; ${tables.length} tables have one`,
      )
    } else units.push(landUnit(task, pipeline, { folder, table, turns }, context))
  }
  if (units.length > 0) return units
  const found = folders.length === 0 ? 'there is no folder' : `there are ${folders.join(', ')}`
  throw new MillraceError(
    'no-input',
    `task ${task.name}  no table of ${tables.length} has a folder in ${path}/ (${found}). Check --root, --tables-file and whether DMS writes there`,
  )
}

/** Of two folders whose names differ in case only, nobody can say which files come after which. */
function refusedUnit({ from }: LandTask, table: string, folders: string[]): PlanUnit {
  return {
    name: table,
    plan: async () => {
      const found = folders.map((folder) => `${from.path}/${folder}`).join(' and ')
      throw new MillraceError(
        'storage',
        `${found}  differ in case only; a table has one folder. Move the files into one of them`,
      )
    },
  }
}

/** A table's folder may be written in another case than its definition. */
type Source = { folder: string; table: string; turns: Limiter }

function landUnit(task: LandTask, pipeline: string, source: Source, context: SurveyContext): PlanUnit {
  let survey: LandSurvey | undefined
  return {
    name: source.table,
    plan: async (damaged) => {
      if (survey === undefined) {
        survey = await source.turns(1, () => surveyTable(task, source, context))
        for (const message of widenings(task, survey)) await context.onWarning(message)
      }
      const arrived = survey.arrived.map((file) => ({ ...file, ...markDamaged(file, damaged) })) as ArrivedFile[]
      return [planLand(pipeline, task, { ...survey, arrived })]
    },
  }
}

async function surveyTable(task: LandTask, { folder, table }: Source, context: SurveyContext): Promise<LandSurvey> {
  const { store } = context
  const commit = await latestCommit(store, `${task.to.path}/${table}`)
  const bookmark = new Map((commit?.bookmark ?? []).map((file) => [file.path, file]))
  const { files, skipped } = await listTable(store, `${task.from.path}/${folder}`)
  for (const { path, reason } of skipped) await context.onWarning(`${JSON.stringify(path)}  ${reason}`)
  const arrived: ArrivedFile[] = []
  for (const [index, { name, ...entry }] of files.entries()) {
    if (context.signal.aborted) throw new MillraceError('cancelled', 'stopped on request')
    const known = bookmark.get(entry.path)
    if (known?.bytes === entry.bytes && known.modifiedMs === entry.modifiedMs) continue
    arrived.push({ ...(await inspectParquet(store, entry)), name, modifiedMs: entry.modifiedMs })
    context.onProgress(index, files.length)
    await new Promise((resolve) => setImmediate(resolve)) // reads are synchronous: signals and heartbeats need their turn
  }
  return { table, commit, ...(await sortOut(task, arrived, commit, context)) }
}

/** Of what arrived, the files whose content landed before, under whatever name. */
async function sortOut(
  task: LandTask,
  files: ArrivedFile[],
  commit: CommitRecord | null,
  context: SurveyContext,
): Promise<Pick<LandSurvey, 'arrived' | 'known'>> {
  const identities = new Map((commit?.bookmark ?? []).map((file) => [identityText(file), file]))
  const latest = new Map((commit?.bookmark ?? []).map((file) => [file.path, file]))
  const contents = new Map<string, string>()
  for (const { sha256, path, isRefused, sameAs } of commit?.bookmark ?? []) {
    if (isRefused === undefined && sameAs === undefined) contents.set(sha256, path)
  }
  const arrived: ArrivedFile[] = []
  const known: ConsumedFile[] = []
  for (const file of files) {
    const { path, bytes, sha256, modifiedMs } = file
    const before = identities.get(identityText(file))
    const twin = contents.get(sha256)
    if (before !== undefined) {
      known.push({ ...before, modifiedMs })
      const last = latest.get(path)
      if (last !== undefined && identityText(last) !== identityText(file)) {
        await context.onWarning(
          `${JSON.stringify(path)}  has again content that it had before; it was not landed again`,
        )
      }
    } else if (twin !== undefined && !('reason' in file)) {
      known.push({ path, bytes, sha256, modifiedMs, sameAs: twin })
      await context.onWarning(
        `${JSON.stringify(path)}  has the content of ${twin}, which has landed; it was not landed again`,
      )
    } else {
      arrived.push(file)
      if (!('reason' in file) && refusalOf(task, file) === null) contents.set(sha256, path)
    }
  }
  return { arrived, known }
}
