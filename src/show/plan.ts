/** A plan as text. */
import type { Plan, Planned, PlannedTable, PlanOutput, PlanView, TablePlan, TableRead } from '../types.ts'
import { bytes, count, plural } from './text.ts'

/** What a task would do, partition by partition. */
export function plannedText(task: string, partitions: readonly (Planned | PlannedTable)[]): string {
  return [`task ${task}`, ...partitions.map(partitionText)].join('\n')
}

/** A state of which nothing can be said yet, and why. */
export function laterText(state: string, why: string): string {
  return `state ${state}\n  ${why}`
}

function partitionText(planned: Planned | PlannedTable): string {
  if (planned.kind === 'table') return tablePlanText(planned.plan)
  if (planned.kind === 'table-unchanged') return `  ${planned.partition}: ${planned.why}; nothing to do`
  if (planned.kind === 'table-later') return `  ${planned.partition}: ${planned.why}`
  if (planned.kind === 'unchanged')
    return `  ${planned.partition}: no new files (${count(planned.consumed)} consumed before); ${planned.isPending ? 'what was published last is yet to be merged' : 'nothing to do'}`
  const { plan } = planned
  const lines = [`  ${plan.partition}`]
  for (const { name, files } of plan.inputs) {
    const rows = files.reduce((sum, file) => sum + file.rows, 0)
    lines.push(
      `    read    ${name}: ${plural(files.length, 'file')}, ${plural(rows, 'row')}, ${bytes(files.reduce((sum, file) => sum + file.bytes, 0))}`,
    )
  }
  const { state } = plan.publish
  // Of a split the views say no more than which columns a table has: thousands, perhaps.
  if (state.kind === 'fan-out') lines.push(`    split   into ${plural(state.tables.length, 'table')} by ${state.key}`)
  for (const view of state.kind === 'fan-out' ? [] : plan.views) lines.push(viewText(view))
  for (const { name, sql } of plan.metrics) lines.push(`    check   ${name}: ${sql}`)
  for (const output of plan.outputs) lines.push(writeText(plan, output))
  if (state.kind === 'apply-changes' && state.merge !== undefined)
    lines.push(`    merge   table into ${plan.publish.scope} by ${state.merge.keys.join(', ')}`)
  for (const { target, name, content } of plan.publish.texts ?? [])
    lines.push(`    write   ${target}/${name}: ${JSON.stringify(content.trim())}`)
  for (const { mode, target } of plan.publish.steps) if (mode === 'remove') lines.push(`    remove  ${target}`)
  for (const file of plan.publish.unreadable?.files ?? [])
    lines.push(`    refuse  ${JSON.stringify(file.path)}: ${file.reason}`)
  return lines.join('\n')
}

function viewText(view: PlanView): string {
  const { name } = view
  if ('newest' in view) {
    const { from, key, orderBy } = view.newest
    return `    keep    ${name}: of ${from}, the first of every ${key.join(', ')} by ${orderBy.map((term) => `${term} desc`).join(', ')}`
  }
  if ('repeated' in view) {
    const { from, where, key } = view.repeated
    return `    find    ${name}: of ${from} where ${where}, every ${key.join(', ')} that occurs more than once`
  }
  return `    view    ${name}: ${view.sql}`
}

/** Where an output goes; of a split one the folders of its first and last part. */
function writeText({ publish }: Plan, { name, columns, codec, fileCount, split, linked }: PlanOutput): string {
  const steps = publish.steps.filter((step) => step.output === name)
  const [first, last] = [steps[0], steps.at(-1)]
  const parts =
    publish.state.kind === 'fan-out'
      ? `${plural(columns.length, 'column')}, ${plural(fileCount, 'file')}`
      : split === undefined
        ? plural(fileCount, 'file')
        : `1 file for each of ${count(split.values.length)} ${split.by.replace('$', '')}s`
  const target =
    first === last ? first?.target : `${first?.target} … ${last?.target.slice(last.target.lastIndexOf('/') + 1)}`
  if (linked !== undefined) {
    return `    link    ${name}: ${plural(linked.files.length, 'file')} of ${linked.folder} → ${target} (${first?.mode})`
  }
  return `    write   ${name}: ${parts}, ${codec} → ${target} (${first?.mode})`
}

function tablePlanText({ partition, reads, steps, unreadable }: TablePlan): string {
  const lines = [`  ${partition}`, ...reads.map((read) => `    read    ${readText(read)}`)]
  for (const { what, sql } of steps) {
    lines.push(`    do      ${what}`)
    if (sql !== null) lines.push(sql.trim().replaceAll(/^/gm, '            '))
  }
  for (const file of unreadable) lines.push(`    refuse  ${JSON.stringify(file.path)}: ${file.reason}`)
  return lines.join('\n')
}

/** What is not known before is not said. */
function readText({ name, snapshot, files, rows, bytes: size }: TableRead): string {
  const figures = [
    ...(files < 0 ? [] : [plural(files, 'file')]),
    ...(rows < 0 ? [] : [plural(rows, 'row')]),
    ...(size < 0 ? [] : [bytes(size)]),
  ]
  return `${name}${snapshot === null ? '' : ` at snapshot ${snapshot}`}${figures.length === 0 ? '' : `: ${figures.join(', ')}`}`
}
