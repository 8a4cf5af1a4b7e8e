/** `millrace doctor`: what is here and what is missing, with the command that mends it. */
import * as fs from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { messageOf } from '../../errors.ts'
import { bytes, table } from '../../show/text.ts'
import { type Command, type CommandContext, openStore } from '../context.ts'

type Finding = { part: string; state: 'ok' | 'missing' | 'optional'; detail: string; mend: string }

export const doctorCommand: Command = {
  name: 'doctor',
  usage: 'doctor',
  summary: 'says what is here and what is missing, with the command that mends it',
  flags: [],
  run: async (context) => {
    const findings = [
      nodeFinding(),
      machineFinding(),
      await duckdbFinding(),
      await rootFinding(context),
      await sparkFinding(context),
    ]
    context.data(findings, () =>
      table(
        ['part', 'state', 'what', 'mend it with'],
        findings.map(({ part, state, detail, mend }) => [part, state, detail, mend]),
      ),
    )
    return findings.some(({ state }) => state === 'missing') ? 1 : 0
  },
}

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isEnough = major > 20 || (major === 20 && minor >= 19)
  return {
    part: 'node',
    state: isEnough ? 'ok' : 'missing',
    detail: process.version,
    mend: isEnough ? '' : 'install Node 20.19 or later',
  }
}

function machineFinding(): Finding {
  return {
    part: 'machine',
    state: 'ok',
    detail: `${availableParallelism()} cores, ${bytes(totalmem())} memory`,
    mend: '',
  }
}

async function duckdbFinding(): Promise<Finding> {
  try {
    const { openSession } = await import('../../engines/duckdb/session.ts')
    const session = await openSession({ memoryBytes: 2 ** 29, threads: 1, spill: '' })
    const [row] = await session.rows('SELECT version() AS version').finally(session.close)
    return { part: 'duckdb', state: 'ok', detail: String(row?.version), mend: '' }
  } catch (error) {
    return { part: 'duckdb', state: 'missing', detail: messageOf(error), mend: 'npm install' }
  }
}

async function rootFinding(context: CommandContext): Promise<Finding> {
  try {
    const store = await openStore(context, true)
    fs.accessSync(store.root, fs.constants.W_OK)
    return { part: 'root', state: 'ok', detail: `${store.root} can be written`, mend: '' }
  } catch (error) {
    return { part: 'root', state: 'optional', detail: messageOf(error), mend: 'millrace sample chargebacks --root DIR' }
  }
}

async function sparkFinding({ config }: CommandContext): Promise<Finding> {
  const { findSpark } = await import('../../engines/spark.ts')
  const found = await findSpark(config.python === undefined ? {} : { python: config.python })
  if ('missing' in found)
    return { part: 'spark', state: 'optional', detail: `missing: ${found.missing}`, mend: found.mend }
  return { part: 'spark', state: 'ok', detail: `PySpark ${found.pyspark}, ${found.java}`, mend: '' }
}
