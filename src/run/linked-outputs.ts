/** Outputs that are there already: their files get a second name in the staging folder. */
import { hasCode, MillraceError } from '../errors.ts'
import type { Store } from '../store.ts'
import type { Plan, PlanOutput, Staged } from '../types.ts'

/** The plan without the outputs that are linked: what an engine is asked for. */
export function withoutLinked(plan: Plan): Plan {
  return { ...plan, outputs: plan.outputs.filter(({ linked }) => linked === undefined) }
}

/** What is staged, with the outputs of a plan that are linked; in a dry run (`staging` null) they are counted. */
export async function withLinked(plan: Plan, staged: Staged, store: Store, staging: string | null): Promise<Staged> {
  const all: Staged = { ...staged, files: [...staged.files], rows: { ...staged.rows } }
  for (const output of plan.outputs) {
    const { name, linked } = output
    if (linked === undefined) continue
    all.rows[name] = linked.files.reduce((sum, { rows }) => sum + rows, 0)
    if (staging !== null) all.files.push(...(await link(output, linked, store, staging)))
  }
  return all
}

async function link(
  { name: output }: PlanOutput,
  { folder, files }: NonNullable<PlanOutput['linked']>,
  store: Store,
  staging: string,
): Promise<Staged['files']> {
  const staged: Staged['files'] = []
  for (const { name, rows, bytes } of files) {
    const path = `${output}/${name}`
    try {
      await store.link(`${folder}/${name}`, `${staging}/${path}`)
    } catch (error) {
      if (!hasCode(error, 'storage')) throw error
      const message = `${folder}/${name}  could not be linked; another run may have replaced it meanwhile. Run again`
      throw new MillraceError('conflict', message, { cause: error })
    }
    staged.push({ output, path, rows, bytes })
  }
  return staged
}
