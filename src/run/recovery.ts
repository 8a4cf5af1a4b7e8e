/** Mends what killed runs left, before anything is planned from it. */
import { hasCode } from '../errors.ts'
import { isAlive } from '../process.ts'
import type { Store } from '../store.ts'
import { draftsFolder } from '../stores/folder.ts'
import { settle, spillName, stagingFolder } from './commits.ts'
import { takeLock } from './lock.ts'

/**
 * Mends what dead runs of a pipeline left: decided commits are finished, undecided staging is removed. To be called with
 * the pipeline's lock. Gives a sentence for each thing done.
 */
export async function recover(store: Store, pipeline: string): Promise<string[]> {
  const done: string[] = []
  const home = `${stagingFolder}/${pipeline}`
  for (const run of (await store.list(home)).folders) {
    for (const name of (await store.list(`${home}/${run}`)).folders) {
      if (name === spillName) continue
      const sentence = await settle(store, `${home}/${run}/${name}`, run)
      if (sentence !== null) done.push(sentence)
    }
    await store.remove(`${home}/${run}`)
  }
  // An empty folder would have every reader take the lock to look whether something is to be mended.
  await store.remove(home)
  await removeDrafts(store)
  return done
}

/**
 * Mends what dead runs of all pipelines but `own` left, for several may write to one table, and removes the drafts of all.
 * A run that is going on does that itself; what cannot be mended now is told by the commit that would follow it. Gives a
 * sentence for each thing done.
 */
export async function recoverOthers(
  store: Store,
  own: string | null,
  { run, signal }: { run: string; signal: AbortSignal },
): Promise<string[]> {
  const done: string[] = []
  for (const pipeline of (await store.list(stagingFolder)).folders) {
    if (pipeline === own) continue
    try {
      const lock = await takeLock(store, pipeline, run, { waitMs: 0, signal })
      done.push(...(await recover(store, pipeline).finally(lock.release)))
    } catch (error) {
      if (!hasCode(error, 'locked', 'storage')) throw error
    }
  }
  await removeDrafts(store)
  return done
}

/** Half-written files of processes that are gone; none of them ever had a name that counts. */
async function removeDrafts(store: Store): Promise<void> {
  for (const { path } of (await store.list(draftsFolder)).files) {
    const [, pid, host] = /\/(\d+)\.[0-9a-f]+@(.*)$/.exec(path) ?? []
    if (pid === undefined || isAlive({ pid: Number(pid), host: host ?? '', started: '' }) !== false) continue
    try {
      await store.remove(path)
    } catch (error) {
      // Where one may only read, they stay.
      if (!hasCode(error, 'storage')) throw error
    }
  }
}
