/** The units of a data task: what is planned, executed and published on its own. The only place that knows every kind; work on tables has its own in `tables/`. */
import type { ApplyChangesTask } from '../define/apply-changes.ts'
import type { ConsolidateTask } from '../define/consolidate.ts'
import type { FileTask } from '../define/data-task.ts'
import type { FanOutTask } from '../define/fan-out.ts'
import { isIcebergTable } from '../define/iceberg-tables.ts'
import { unreachable } from '../errors.ts'
import { planApplyChanges } from '../plan/apply-changes.ts'
import { type ConsolidateSurvey, planConsolidate } from '../plan/consolidate.ts'
import { type FanOutSurvey, planFanOut } from '../plan/fan-out.ts'
import { halfWritten } from '../sources/snapshot-folder.ts'
import type { DataFile, Planned, PlanUnit, UnreadableFile } from '../types.ts'
import { markDamaged } from './damaged.ts'
import { surveyApplyChanges } from './survey-apply-changes.ts'
import { bucketUnits } from './survey-bucket-tables.ts'
import { surveyConsolidate } from './survey-consolidate.ts'
import { surveyFanOut } from './survey-fan-out.ts'
import { landUnits } from './survey-land.ts'
import { mergePending } from './tables/merge-pending.ts'
import type { PlanningContext, SurveyContext } from './task-context.ts'

/** The units of a task; each looks at what exists when it is planned for the first time. */
export async function unitsOf(task: FileTask, context: PlanningContext): Promise<PlanUnit[]> {
  switch (task.kind) {
    case 'consolidate':
      return [consolidateUnit(task, context)]
    case 'land':
      return await landUnits(task, context.pipeline, surveyContext(task, context))
    case 'apply-changes':
      return [applyChangesUnit(task, context)]
    case 'fan-out':
      return [fanOutUnit(task, context)]
    case 'bucket-tables':
      return await bucketUnits(task, context, surveyContext(task, context))
    default:
      return unreachable(task)
  }
}

/** How a task looks at what exists, and says what it finds odd. */
function surveyContext(task: FileTask, context: PlanningContext): SurveyContext {
  const { store, external, signal, path, write, onProgress } = context
  return {
    ...{ store, external, signal },
    onProgress: (done, total) => onProgress({ phase: 'survey', percent: (100 * done) / total }),
    onWarning: async (message) => void (await write({ type: 'warning', task: task.name, path, message })),
  }
}

function consolidateUnit(task: ConsolidateTask, context: PlanningContext): PlanUnit {
  let survey: ConsolidateSurvey | undefined
  return {
    name: task.name,
    plan: async (damaged) => {
      survey ??= await surveyConsolidate(task, surveyContext(task, context))
      return planConsolidate(context.pipeline, task, withDamaged(survey, damaged))
    },
  }
}

function withDamaged(survey: ConsolidateSurvey, damaged: ReadonlyMap<string, string>): ConsolidateSurvey {
  const mark = (file: DataFile | UnreadableFile): DataFile | UnreadableFile => markDamaged(file, damaged)
  const days = survey.days.map((day) => ({ ...day, files: day.files.map(mark), consumed: day.consumed.map(mark) }))
  return { ...survey, days }
}

function applyChangesUnit(task: ApplyChangesTask, context: PlanningContext): PlanUnit {
  const { to } = task
  let restarts = false
  const plan = async (): Promise<Planned[]> => {
    const survey = await surveyApplyChanges(task, surveyContext(task, context))
    const planned = planApplyChanges(context.pipeline, task, survey)
    restarts = planned.kind === 'plan' && planned.plan.publish.bookmark.restarts
    return [planned]
  }
  if (!isIcebergTable(to)) return { name: to.path, plan }
  const merge = (assertHeld: () => Promise<void>): Promise<void> => mergePending(task, to, context, assertHeld)
  return {
    name: to.path,
    plan,
    // What an earlier run decided and could not merge comes first, unless the table is made anew.
    prepare: async (assertHeld) => void (restarts || (await merge(assertHeld))),
    finish: merge,
  }
}

function fanOutUnit(task: FanOutTask, context: PlanningContext): PlanUnit {
  let survey: FanOutSurvey | undefined
  return {
    name: task.to.path,
    plan: async (damaged) => {
      survey ??= await surveyFanOut(context.pipeline, task, surveyContext(task, context))
      const [found] = damaged
      // A snapshot is split whole or not at all.
      if (found !== undefined) throw halfWritten(...found)
      return [planFanOut(context.pipeline, task, survey)]
    },
  }
}
