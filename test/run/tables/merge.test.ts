/** Merges: what they change and count, and that computing only what changed gives what computing everything does. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { type MergeIntoTask, maintain, mergeInto } from 'millrace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seededRandom, testSeed } from '../../random.ts'
import { countsOf, rowsOf, runTasks, snapshotsOf, withTables } from './lake.ts'

let root = ''
beforeEach(async () => {
  root = fs.mkdtempSync(path.join(tmpdir(), 'millrace-merge-'))
  await withTables(root, async (warehouse) => {
    await warehouse.create('in.part', {
      columns: columns({ part: 'int', owner: 'int', state: 'string', at: 'int' }),
      key: ['part'],
    })
    await warehouse.create('in.owner', { columns: columns({ owner: 'int', person: 'int' }), key: ['owner'] })
    await warehouse.create('in.flag', { columns: columns({ person: 'int', flag: 'string' }), key: ['person'] })
    await warehouse.create('out.person', {
      columns: columns({ person: 'int', state: 'string', at: 'int', flag: 'string', made: 'timestamptz' }),
      key: ['person', 'state'],
    })
  })
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

function columns(types: Record<string, string>): { name: string; type: string }[] {
  return Object.entries(types).map(([name, type]) => ({ name, type }))
}

const sql = `SELECT o.person, p.state, p."at", coalesce(f.flag, 'N') AS flag, p.part
  FROM in.part p JOIN in.owner o ON o.owner = p.owner LEFT JOIN in.flag f ON f.person = o.person`.replaceAll(
  'in.',
  '"in".',
)

const task = (change: Partial<MergeIntoTask> = {}): MergeIntoTask => ({
  ...mergeInto('merge', {
    into: 'out.person',
    using: { sql, tables: ['in.part', 'in.owner', 'in.flag'] },
    on: ['person', 'state'],
    orderBy: ['"at" DESC NULLS LAST', 'part DESC'],
    compare: ['at', 'flag'],
    update: ['at', 'flag'],
    insert: { made: 'now()' },
    incremental: { restrict: { 'in.owner': ['person'] }, limitPercent: 100 },
  }),
  ...change,
})
const upsert = (table: string, on: string, values: string, names: string): Promise<void> =>
  withTables(root, async (warehouse) => {
    await (await warehouse.table(table)).merge({
      using: { sql: `SELECT * FROM (VALUES ${values}) v(${names})` },
      on: [on],
    })
  })
const remove = (table: string, where: string): Promise<void> =>
  withTables(root, async (warehouse) => void (await (await warehouse.table(table)).delete(where)))
const parts = (values: string): Promise<void> => upsert('in.part', 'part', values, 'part, owner, state, "at"')
const owners = (values: string): Promise<void> => upsert('in.owner', 'owner', values, 'owner, person')
const flags = (values: string): Promise<void> => upsert('in.flag', 'person', values, 'person, flag')
const result = (): Promise<unknown[][]> => rowsOf(root, 'SELECT person, state, "at", flag FROM out.person ORDER BY ALL')

describe('mergeInto', () => {
  it('updates where a compared column differs, NULL being a value, inserts the others, and keeps what is not set', async () => {
    await parts(`(1, 1, '19', 1), (2, 1, '19', 2), (3, 2, '19', NULL)`)
    await owners('(1, 10), (2, 20)')
    expect(countsOf(await runTasks(root, [task()]), 'out.person')).toMatchObject({
      rowsIn: 3,
      inserted: 2,
      superseded: 1,
    })
    expect(await result()).toEqual([
      [10, '19', 2, 'N'],
      [20, '19', null, 'N'],
    ])
    const made = await rowsOf(root, 'SELECT DISTINCT made FROM out.person')
    expect(made).toHaveLength(1)
    await parts(`(3, 2, '19', 5), (4, 2, '20', 1)`)
    expect(countsOf(await runTasks(root, [task()]), 'out.person')).toMatchObject({
      rowsIn: 2,
      inserted: 1,
      updated: 1,
      unchanged: 0,
    })
    await parts(`(3, 2, '19', CAST(NULL AS INT))`)
    expect(countsOf(await runTasks(root, [task()]), 'out.person')).toMatchObject({ updated: 1 })
    expect(await result()).toEqual([
      [10, '19', 2, 'N'],
      [20, '19', null, 'N'],
      [20, '20', 1, 'N'],
    ])
    expect(await rowsOf(root, "SELECT DISTINCT made FROM out.person WHERE state = '19'")).toEqual(made)
  })

  it('makes no snapshot when nothing changes, and does nothing when no input has', async () => {
    await parts(`(1, 1, '19', 1)`)
    await owners('(1, 10)')
    await runTasks(root, [task()])
    expect((await runTasks(root, [task()])).tasks[0]?.partitions[0]?.outcome).toBe('unchanged')
    await parts(`(2, 99, '19', 1)`) // has no owner
    expect(countsOf(await runTasks(root, [task()]), 'out.person')).toMatchObject({ rowsIn: 0 })
    expect((await runTasks(root, [task()])).tasks[0]?.partitions[0]?.outcome).toBe('unchanged')
    expect(await snapshotsOf(root, 'out.person')).toBe(1)
  })

  it('lets an older row win when the newer one goes away, or leads to another key', async () => {
    await parts(`(1, 1, '19', 1), (2, 1, '19', 2)`)
    await owners('(1, 10), (2, 20)')
    await runTasks(root, [task()])
    await parts(`(2, 2, '19', 2)`)
    await runTasks(root, [task()])
    expect(await result()).toEqual([
      [10, '19', 1, 'N'],
      [20, '19', 2, 'N'],
    ])
    await flags(`(10, 'Y'), (20, 'Y')`)
    expect(countsOf(await runTasks(root, [task()]), 'out.person')).toMatchObject({ updated: 2 })
    await remove('in.flag', 'person = 10')
    await runTasks(root, [task()])
    expect(await result()).toEqual([
      [10, '19', 1, 'N'],
      [20, '19', 2, 'Y'],
    ])
  })

  it('makes up for what a merge that only inserts, or one of some states, left out', async () => {
    await parts(`(1, 1, '19', 1), (2, 2, '20', 1)`)
    await owners('(1, 10), (2, 20)')
    const some = task({ prune: { 'in.part': "state = '19'" } })
    expect(countsOf(await runTasks(root, [some]), 'out.person')).toMatchObject({ rowsIn: 1, inserted: 1 })
    await runTasks(root, [task()])
    expect(await result()).toHaveLength(2)
    await parts(`(1, 1, '19', 5), (2, 2, '20', 5), (3, 1, '20', 1)`)
    expect(countsOf(await runTasks(root, [task({ whenMatched: false })]), 'out.person')).toMatchObject({
      inserted: 1,
      updated: 0,
    })
    expect(countsOf(await runTasks(root, [task()]), 'out.person')).toMatchObject({ updated: 2 })
    expect(await result()).toEqual([
      [10, '19', 5, 'N'],
      [10, '20', 1, 'N'],
      [20, '20', 5, 'N'],
    ])
  })

  it('sets rows without a key, or with values that do not fit, aside, or fails', async () => {
    await parts(`(1, 1, '19', 1), (2, 2, CAST(NULL AS VARCHAR), 1)`)
    await owners('(1, 10), (2, 20)')
    await expect(runTasks(root, [task({ onBadRow: 'fail' })])).rejects.toThrow(
      'out.person  1 rows cannot be merged (state is missing: 1)',
    )
    const state = await runTasks(root, [task()])
    expect(countsOf(state, 'out.person')).toMatchObject({ rowsIn: 2, inserted: 1, quarantined: 1 })
    expect(state.warnings.join()).toContain(
      '1 rows (state is missing: 1) of out.person went to quarantine/tables/merge/out.person',
    )
    const wide = task({ using: { ...task().using, sql: sql.replace('p."at"', '\'x\' AS "at"') } })
    expect(countsOf(await runTasks(root, [wide]), 'out.person')).toMatchObject({ quarantined: 2, updated: 0 })
  })

  it('takes the day of a time for a column of dates, while the whole time decides which row counts', async () => {
    await withTables(root, async (warehouse) => {
      await warehouse.create('out.day', { columns: columns({ person: 'int', day: 'date' }), key: ['person'] })
    })
    await parts(`(1, 1, '19', 10), (2, 1, '19', 20)`)
    await owners('(1, 10)')
    const days = `SELECT o.person, TIMESTAMP '2025-03-01' + to_hours(CAST(p."at" AS INT)) AS day
      FROM "in".part p JOIN "in".owner o ON o.owner = p.owner`
    const change = { into: 'out.day', using: { sql: days, tables: ['in.part', 'in.owner'] }, on: ['person'] }
    const byDay = task({ ...change, orderBy: ['day DESC'], compare: ['day'], update: ['day'], insert: {} })
    const day = (): Promise<unknown[][]> => rowsOf(root, 'SELECT person, CAST(day AS VARCHAR) FROM out.day')
    expect(countsOf(await runTasks(root, [byDay]), 'out.day')).toMatchObject({ inserted: 1, superseded: 1 })
    expect(await day()).toEqual([[10, '2025-03-01']])
    await parts(`(2, 1, '19', 30)`)
    expect(countsOf(await runTasks(root, [byDay]), 'out.day')).toMatchObject({ updated: 1 })
    expect(await day()).toEqual([[10, '2025-03-02']])
  })

  it('says which table or column is not there', async () => {
    await expect(runTasks(root, [task({ into: 'out.persons' })])).rejects.toThrow('there is no table out.persons yet')
    await expect(runTasks(root, [task({ compare: ['att'] })])).rejects.toThrow(
      'compare names att, which out.person has not; it has person, state',
    )
    await expect(runTasks(root, [task({ insert: { mad: 'now()' } })])).rejects.toThrow('insert names mad')
  })

  it('goes on with what is there after maintenance', async () => {
    await owners('(1, 10), (2, 20)')
    for (const at of [1, 2, 3, 4]) {
      await parts(`(1, 1, '19', ${at}), (2, 2, '20', ${at})`)
      await runTasks(root, [task()])
    }
    const clean = maintain('maintain', {
      tables: ['in.part', 'out.person', 'out.none'],
      snapshotsOlderThan: '0 days',
      keepSnapshots: 1,
    })
    const state = await runTasks(root, [clean])
    expect(countsOf(state, 'in.part').snapshotsExpired).toBeGreaterThan(0)
    await parts(`(1, 1, '19', 9)`)
    expect(countsOf(await runTasks(root, [task()]), 'out.person')).toMatchObject({ rowsIn: 1, updated: 1 })
    await withTables(root, async (warehouse) => {
      const table = await warehouse.table('in.part')
      await table.expireSnapshots({ olderThanMs: Date.now() + 1000, retainLast: 1 })
    })
    await parts(`(2, 2, '20', 9)`)
    await withTables(root, async (warehouse) => {
      const table = await warehouse.table('in.part')
      await table.expireSnapshots({ olderThanMs: Date.now() + 1000, retainLast: 1 })
    })
    expect(countsOf(await runTasks(root, [task()]), 'out.person')).toMatchObject({ rowsIn: 2, updated: 1 })
    expect(await result()).toEqual([
      [10, '19', 9, 'N'],
      [20, '20', 9, 'N'],
    ])
  })

  const forms: [string, string][] = [
    ['a chain of joins', sql],
    ['another query', `SELECT * FROM (${sql}) rows`],
  ]
  it.each(forms)(
    'gives, computed from what changed, what computing everything gives: random changes, %s',
    {
      timeout: 180_000,
    },
    async (_, form) => {
      const own = task({ using: { ...task().using, sql: form } })
      const random = seededRandom(testSeed())
      const below = (most: number): number => random.below(most)
      const full = mergeInto('full', { ...task(), name: 'full', into: 'out.full', incremental: undefined } as never)
      await withTables(root, async (warehouse) => {
        await warehouse.create('out.full', {
          columns: columns({ person: 'int', state: 'string', at: 'int', flag: 'string', made: 'timestamptz' }),
          key: ['person', 'state'],
        })
      })
      for (let round = 0; round < 10; round += 1) {
        await withTables(root, async (warehouse) => {
          for (let step = 0; step < 1 + below(3); step += 1) {
            const table = ['in.part', 'in.owner', 'in.flag', 'out'][below(4)] as string
            if (table === 'out') {
              // As a copy from PostgreSQL does, to both results alike.
              const [person, kind] = [below(8), below(2)]
              for (const name of ['out.person', 'out.full']) {
                const target = await warehouse.table(name)
                if (kind === 0) await target.delete(`person = ${person}`)
                else
                  await target.merge({
                    using: { sql: `SELECT ${person} AS person, '19' AS state, 77 AS "at", 'Z' AS flag` },
                    on: ['person', 'state'],
                  })
              }
              continue
            }
            const source = await warehouse.table(table)
            const rows = Array.from({ length: 1 + below(4) }, () => {
              if (table === 'in.part') return `(${below(12)}, ${below(6)}, '${19 + below(2)}', ${below(5)})`
              return table === 'in.owner' ? `(${below(6)}, ${below(8)})` : `(${below(8)}, '${'XY'[below(2)]}')`
            })
            const names = {
              'in.part': 'part, owner, state, "at"',
              'in.owner': 'owner, person',
              'in.flag': 'person, flag',
            }[table]
            const key = { 'in.part': 'part', 'in.owner': 'owner', 'in.flag': 'person' }[table] as string
            if (below(4) === 0) await source.delete(`${key} = ${below(6)}`)
            else
              await source.merge({
                using: { sql: `SELECT * FROM (VALUES ${rows.join(', ')}) v(${names})` },
                on: [key],
                orderBy: [key],
              })
          }
        })
        await runTasks(root, [own, full])
        const rows = await rowsOf(root, 'SELECT person, state, "at", flag FROM out.full ORDER BY ALL')
        expect({ round, rows: await result() }).toEqual({ round, rows })
      }
    },
  )
})
