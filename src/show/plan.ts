/** A plan as text. */
import type { Planned } from '../types.ts'
import { bytes, count, plural } from './text.ts'

/** What a task would do, partition by partition. */
export function plannedText(task: string, partitions: readonly Planned[]): string {
  return [`task ${task}`, ...partitions.map(partitionText)].join('\n')
}

/** A state of which nothing can be said yet, and why. */
export function laterText(state: string, why: string): string {
  return `state ${state}\n  ${why}`
}

function partitionText(planned: Planned): string {
  if (planned.kind === 'unchanged')
    return `  ${planned.partition}: no new files (${count(planned.consumed)} consumed before); nothing to do`
  const { plan } = planned
  const lines = [`  ${plan.partition}`]
  for (const { name, files } of plan.inputs) {
    const rows = files.reduce((sum, file) => sum + file.rows, 0)
    lines.push(
      `    read    ${name}: ${plural(files.length, 'file')}, ${plural(rows, 'row')}, ${bytes(files.reduce((sum, file) => sum + file.bytes, 0))}`,
    )
  }
  for (const view of plan.views) {
    lines.push(
      'newest' in view
        ? `    keep    ${view.name}: of ${view.newest.from}, the first of every ${view.newest.key.join(', ')} by ${view.newest.orderBy.map((term) => `${term} desc`).join(', ')}`
        : `    view    ${view.name}: ${view.sql}`,
    )
  }
  for (const { name, sql } of plan.metrics) lines.push(`    check   ${name}: ${sql}`)
  for (const step of plan.publish.steps) {
    const output = plan.outputs.find(({ name }) => name === step.output)
    lines.push(
      `    write   ${step.output}: ${plural(output?.fileCount ?? 0, 'file')}, ${output?.codec} → ${step.target} (${step.mode})`,
    )
  }
  for (const file of plan.publish.unreadable?.files ?? [])
    lines.push(`    refuse  ${JSON.stringify(file.path)}: ${file.reason}`)
  return lines.join('\n')
}
