/** The task that lands what AWS DMS wrote: each file once, its rows with where they come from and their place in the sequence. */
import { MillraceError } from '../errors.ts'
import { type ChangeDatasets, type DmsFolder, pathsOverlap } from './dataset.ts'

/** What happens to a table that has a file which cannot be read: the file is listed in quarantine, or the table fails. */
export type OnBadFile = 'quarantine' | 'fail'

export type LandTask = {
  kind: 'land'
  name: string
  /** The name of the job on AWS. */
  jobName?: string | undefined
  from: DmsFolder
  to: ChangeDatasets
  /** Tables that are landed side by side. */
  tablesAtOnce: number
  onBadFile: OnBadFile
}

/** Defines a landing. Throws `usage` when source and target overlap or no table may be landed at a time. */
export function land(
  name: string,
  options: Omit<LandTask, 'kind' | 'name' | 'tablesAtOnce' | 'onBadFile'> &
    Partial<Pick<LandTask, 'tablesAtOnce' | 'onBadFile'>>,
): LandTask {
  const task: LandTask = { kind: 'land', name, tablesAtOnce: 8, onBadFile: 'quarantine', ...options }
  const { from, to, tablesAtOnce } = task
  if (pathsOverlap(from.path, to.path)) {
    throw new MillraceError('usage', `task ${name}  ${to.path} overlaps the source ${from.path}, which is only read`)
  }
  if (!Number.isInteger(tablesAtOnce) || tablesAtOnce < 1) {
    throw new MillraceError('usage', `task ${name}  tablesAtOnce is ${tablesAtOnce}; expected a whole number from 1`)
  }
  return task
}
