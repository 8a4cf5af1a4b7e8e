/** Process control: the row of a run in `dart_process_control.data_ppln_job`, from its start to its end. */
import { type CallContext, type CallOptions, type Json, type ProcessControl, processControl } from 'millrace'

type Started = { JobId: number | null; SfName: string }
type Failure = { TableName: string; ErrorMessage: string }
type Update = Started & { landing: Failure[]; results: { status?: string; failed?: Failure[] }[] }

const messageLengthMax = 4000 // a column of text; what is longer helps nobody

/** The calls that open and close the row. A dry run has none. */
export function jobControl(
  stateMachine: string,
  url: string | undefined,
): { start: Pick<CallOptions, 'run' | 'onRetry' | 'onRunEnd'>; update: Pick<CallOptions, 'run' | 'payload'> } {
  const open = (context: CallContext): ProcessControl => {
    const folder = context.folder('process-control')
    return processControl(url === undefined ? { folder } : { folder, url })
  }
  if (url !== undefined) processControl({ url, folder: '/' }) // throws for what is no URL, before anything is done
  let ended: 'Complete' | 'Error' | null = null
  const start = async (context: CallContext): Promise<number> => {
    const { pipeline, run } = context
    return await open(context).start({ pipeline, stateMachine, run, deadRuns: context.deadRuns })
  }
  const end = async (context: CallContext, id: number | null, message: string | null): Promise<void> => {
    const status = message === null ? 'Complete' : 'Error'
    // What fails after the job was complete makes it one that failed.
    if (id === null || ended === 'Error' || ended === status) return
    await open(context).end(id, status, message?.slice(0, messageLengthMax) ?? null)
    ended = status
  }
  return {
    start: {
      run: async (_, context) => {
        if (context.dryRun) return { JobId: null, SfName: stateMachine }
        return { JobId: await start(context), SfName: stateMachine }
      },
      // A retry is the same job: its row is in progress again.
      onRetry: async (output, context) => {
        if ((output as Started).JobId !== null) await start(context)
      },
      onRunEnd: async (output, { status, error }, context) => {
        const message = status === 'succeeded' ? null : (error ?? `the run was ${status}`)
        await end(context, (output as Started).JobId, message)
      },
    },
    update: {
      payload: { 'JobId.$': '$.JobId', 'landing.$': '$.landing', 'results.$': '$.results' },
      run: async (input, context) => {
        const { JobId, landing, results } = input as unknown as Update
        const failed = [...landing, ...results.flatMap(({ failed }) => failed ?? [])]
        const message = failed.length === 0 ? null : summary(failed)
        await end(context, JobId, message)
        return { status: message === null ? 'Complete' : 'Error', message: message ?? '' } satisfies Json
      },
    },
  }
}

function summary(failed: Failure[]): string {
  const lines = failed.map(({ TableName, ErrorMessage }) => `${TableName || 'LandingFiles'}: ${ErrorMessage}`)
  if (failed.some(({ TableName }) => TableName === '')) return lines.join('\n')
  const tables = new Set(failed.map(({ TableName }) => TableName)).size
  return `${tables === 1 ? '1 table' : `${tables} tables`} failed; the others are done\n${lines.join('\n')}`
}
