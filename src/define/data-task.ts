/** The kinds of data tasks: each is planned to a Plan and executed by an engine. */
import type { ApplyChangesTask } from './apply-changes.ts'
import type { ConsolidateTask } from './consolidate.ts'
import type { LandTask } from './land.ts'

export type DataTask = ConsolidateTask | LandTask | ApplyChangesTask
