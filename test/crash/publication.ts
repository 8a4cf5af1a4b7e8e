/** A small publication over a folder: what stands, what is staged, how it is published; and the folder as a reader sees it. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { commit, latestCommit, stagingPath } from '../../src/run/commits.ts'
import { type PublicationContext, publicationOf } from '../../src/run/publication.ts'
import type { Store } from '../../src/store.ts'
import folderStore from '../../src/stores/folder.ts'
import type { CommitRecord, Plan, Staged, StagedFile } from '../../src/types.ts'

export const pipeline = 'chargebacks'
export const dayPath = 'consolidated/chargebacks/year=2026/month=01/day=01'
export const quarantinePath = 'quarantine/chargebacks/year=2026/month=01/day=01'

/** What a run, of another pipeline where `by` says so, makes of the day: its files, its quarantined rows, the landing files it could not read. */
export type Work = { run: string; by?: string; kept: string[]; rejected: string[]; unreadable: string[] }

/** Every file below a root with its content, and the folders that hold nothing; drafts aside. */
export type Tree = Record<string, string>

/** Stages a run's work as an engine does. */
export function stage(root: string, work: Work): void {
  for (const { output, path: file } of stagedFiles(work)) {
    const absolute = path.join(root, stagingOf(work), file)
    fs.mkdirSync(path.dirname(absolute), { recursive: true })
    fs.writeFileSync(absolute, contentOf(output, work.run, file))
  }
  fs.mkdirSync(path.join(root, stagingOf(work)), { recursive: true })
}

/** All that a publication is made of, as plain values. */
export type Publication = {
  plan: Plan
  staged: Staged
  context: Omit<PublicationContext, 'store'>
  committedAt: string
}

/** The publication of staged work. `isRewritten`: the day's files are replaced; else only unreadable files are listed. */
export async function publicationFor(root: string, work: Work, isRewritten: boolean): Promise<Publication> {
  const previous = await latestCommit(folderStore(root), dayPath)
  const rows = { kept: work.kept.length, rejected: work.rejected.length }
  return {
    plan: planOf(work, previous, isRewritten),
    staged: { files: stagedFiles(work), rows, superseded: {}, metrics: {} },
    context: {
      run: work.run,
      attempt: 1,
      staging: stagingOf(work),
      previous,
      dryRun: false,
      signal: new AbortController().signal,
    },
    committedAt: '2026-01-02T00:00:00.000Z',
  }
}

/** Publishes, as a task does. */
export async function publish(store: Store, { plan, staged, context, committedAt }: Publication): Promise<void> {
  await commit(store, { ...(await publicationOf(plan, staged, { ...context, store })), committedAt }, async () => {})
}

function stagingOf({ run, by = pipeline }: Work): string {
  return stagingPath(by, run, 'task')
}

function contentOf(output: string, run: string, file: string): string {
  return `${output} of ${run}: ${file}\n`
}

function stagedFiles({ run, kept, rejected }: Work): StagedFile[] {
  const file = (output: string) => (name: string) => ({
    output,
    path: `${output}/${name}-${run}.parquet`,
    rows: 1,
    bytes: Buffer.byteLength(contentOf(output, run, `${output}/${name}-${run}.parquet`)),
  })
  return [...kept.map(file('kept')), ...rejected.map(file('rejected'))]
}

function planOf(
  { run, by = pipeline, kept, rejected, unreadable }: Work,
  previous: CommitRecord | null,
  isRewritten: boolean,
): Plan {
  const rows = kept.length + rejected.length
  const landed = { path: `landing/${run}.parquet`, bytes: 1, sha256: run }
  const listed = unreadable.map((name) => ({ path: `landing/${name}`, bytes: 1, sha256: name, reason: 'is cut off' }))
  const step = { partition: [], columns: [] }
  return {
    planVersion: 1,
    pipeline: by,
    task: 'task',
    partition: '2026-01-01',
    inputs: [{ name: 'landing', columns: [], lineage: true, schemas: [], files: [{ ...landed, rows, schema: 0 }] }],
    views: [],
    metrics: [],
    outputs: [],
    publish: {
      scope: dayPath,
      after: previous?.number ?? 0,
      steps: isRewritten
        ? [
            {
              ...step,
              output: 'kept',
              target: dayPath,
              mode: 'replace',
              table: { database: 'consolidated', table: 'd' },
            },
            {
              ...step,
              output: 'rejected',
              target: quarantinePath,
              mode: 'append',
              table: { database: 'q', table: 'd' },
            },
          ]
        : [],
      counts: {
        rowsIn: [{ input: 'landing' }],
        rowsStanding: [{ input: 'standing' }],
        rowsOut: [{ output: 'kept' }],
        duplicates: [{ superseded: 'kept' }],
        quarantined: [{ output: 'rejected' }],
      },
      balances: [{ in: ['rowsIn', 'rowsStanding'], out: ['rowsOut', 'duplicates', 'quarantined'] }],
      main: { output: 'kept', target: dayPath },
      quarantine: { output: 'rejected', target: quarantinePath },
      bookmark: { restarts: false, added: [landed] },
      repeats: false,
      replaced: [],
      state: { kind: 'consolidate', codec: 'snappy', fileCount: 2, hasAdopted: false },
      unreadable: listed.length === 0 ? null : { target: quarantinePath, files: listed },
      mayBeDamaged: ['landing'],
      refusals: [],
    },
  }
}

/** Reads a root whole. */
export function treeOf(root: string): Tree {
  const tree: Tree = {}
  for (const entry of fs.readdirSync(root, { recursive: true, withFileTypes: true })) {
    const absolute = path.join(entry.parentPath, entry.name)
    const relative = path.relative(root, absolute)
    if (entry.isFile()) tree[relative] = fs.readFileSync(absolute, 'utf8')
  }
  return tree
}

/** The files of one folder by name; null where there is no folder. */
export function folderOf(root: string, folder: string): Tree | null {
  const absolute = path.join(root, folder)
  if (!fs.existsSync(absolute)) return null
  return Object.fromEntries(
    fs.readdirSync(absolute).map((name) => [name, fs.readFileSync(path.join(absolute, name), 'utf8')]),
  )
}

/** A root where some work is published already, and the next is staged. */
export async function prepare(root: string, standing: Work[], next: Work): Promise<void> {
  const store = folderStore(root)
  for (const work of standing) {
    stage(root, work)
    await publish(store, await publicationFor(root, work, true))
    await store.remove(`_millrace/staging/${pipeline}/${work.run}`)
  }
  stage(root, next)
}
