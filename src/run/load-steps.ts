/** From a pipeline and its parameters to the steps of a run. */
import { chooseSteps } from '../define/choose-steps.ts'
import type { Pipeline, Read } from '../define/pipeline.ts'
import type { Step } from '../define/steps.ts'
import { assert, hasCode, MillraceError, messageOf } from '../errors.ts'
import type { Json } from '../types.ts'

/**
 * The steps of a run, of which `only` names one, null for all; and every step there is. Reads what the definition depends
 * on. Throws `usage`, whatever is wrong with it.
 */
export async function loadSteps(
  pipeline: Pipeline,
  params: Record<string, Json>,
  options: { env: string; read?: Read | undefined; only: string | null },
): Promise<{ steps: Step[]; everyStep: Step[] }> {
  const loaded = await load(pipeline, params, options)
  const everyStep = pipeline.tasks(params, loaded)
  return { steps: chooseSteps(pipeline.name, everyStep, options.only), everyStep }
}

async function load(
  pipeline: Pipeline,
  params: Record<string, Json>,
  { env, only, read }: { env: string; only: string | null; read?: Read | undefined },
): Promise<unknown> {
  const given: Read = (file) => {
    assert(read !== undefined, `pipeline ${pipeline.name} reads ${file}, and the caller gave it no way to`)
    return read(file)
  }
  try {
    return await pipeline.load(params, { env, only, read: given })
  } catch (error) {
    if (hasCode(error, 'usage')) throw error
    throw new MillraceError('usage', `pipeline ${pipeline.name}  ${messageOf(error)}`, { cause: error })
  }
}
