/** What flywheel's commands say before anything is there, and of parameters that do not fit the step. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Ended, millrace } from '../../cli.ts'
import { type Lake, makeLake, places, specCsv } from './lake.ts'

let lake: Lake
beforeEach(async () => {
  lake = await makeLake()
})
afterEach(() => lake.remove())

async function land(): Promise<void> {
  const sql = `SELECT 'kund ' || n AS customer_user_id, n AS a FROM range(10) t(n)`
  for (const place of [places.infobase, places.addressable, places.compacted]) await lake.land(place, '2024-01-15', sql)
  for (const spec of [places.stagedSpec, places.partitionedSpec]) lake.write(spec, specCsv({ IBE_01: ['a'] }))
  lake.write(places.addressableSpec, specCsv({ addressable_ids: ['a'] }))
}

const onRoot = async (...args: string[]): Promise<Ended> => await millrace([...args, '--root', lake.root])

describe('on a root where nothing is registered', () => {
  it.each(['flywheel', 'flywheel-partitioned'])('plan %s says what it will know later', async (pipeline) => {
    await land()
    const { code, stdout, stderr } = await onRoot('plan', pipeline)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('split_part has no tables')
    expect(stdout).toContain('the catalog has no table part_')
  })

  it.each(['flywheel', 'flywheel-partitioned'])('run %s --dry-run counts what it can', async (pipeline) => {
    await land()
    const { code, stdout } = await onRoot('run', pipeline, '--dry-run')
    expect(code).toBe(0)
    expect(stdout).toContain('METRICS: rows_read=')
    expect(await lake.tables('omc_cleanroom_data')).not.toHaveProperty(`${places.staged}/infobase_attributes/IBE_01`)
  })

  it.each([
    ['register-part-tables', ['--source-path', 'typo'], 'typo has no tables'],
    ['prepare-part-tables', [], 'the catalog has no table part_'],
  ])('a step alone has nothing before it that could make what it lacks: %s', async (step, args, message) => {
    await land()
    const only = ['flywheel-partitioned', '--only', step, ...args]
    for (const command of [['plan'], ['run', '--dry-run'], ['run']]) {
      const { code, stderr, stdout } = await onRoot(...command, ...only)
      expect(code).not.toBe(0)
      expect(stderr + stdout).toContain(message)
    }
  })
})

describe('a parameter of one step', () => {
  it.each([
    ['flywheel-bucketed', 'register-staged-tables', '--source-path', 'it takes none of these'],
    ['flywheel-bucketed', 'create-athena-bucketed-tables', '--csv-file', 'it takes none of these'],
    ['flywheel-partitioned', 'register-part-tables', '--csv-file', 'it takes --source-path'],
    ['flywheel', 'prepare-part-tables', '--target-path', 'it takes none of these'],
  ])('%s --only %s refuses %s', async (pipeline, step, flag, message) => {
    await land()
    const { code, stderr } = await onRoot('plan', pipeline, '--only', step, flag, 'somewhere')
    expect(code).toBe(2)
    expect(stderr).toContain(
      `${flag}  is no parameter of step ${step}; of --source-path, --target-path, --csv-file ${message}`,
    )
  })

  it('is told of a step that there is not', async () => {
    const { code, stderr } = await onRoot('plan', 'flywheel', '--only', 'no-such-step', '--csv-file', 'a.csv')
    expect(code).toBe(2)
    expect(stderr).toContain('--only no-such-step is no task of flywheel')
  })
})

describe('--csv-file', () => {
  const only = ['flywheel-bucketed', '--only', 'infobase-split-and-bucket']

  it('that is there and cannot be read is an error, and not looked for below the root', async () => {
    await land()
    const folder = path.join(lake.root, 'specs')
    fs.mkdirSync(folder)
    const { code, stderr } = await onRoot('plan', ...only, '--csv-file', folder)
    expect(code).toBe(2)
    expect(stderr).toMatch(/specs {2}cannot be read: EISDIR/)
  })

  it('that is not there lies below the root', async () => {
    await land()
    lake.write('specs/own.csv', specCsv({ OWN: ['a'] }))
    const { code, stdout } = await onRoot('plan', ...only, '--csv-file', 'specs/own.csv')
    expect(code).toBe(0)
    expect(stdout).toContain('OWN')
  })
})
