/** Millrace and PyIceberg write one table at the same time: every row of every writer is there at the end, once. */
import { describe, expect, it } from 'vitest'
import type { Findings } from './findings.ts'
import { makeSubject, type Subject } from './subject.ts'
import type { Tools } from './tools.ts'
import type { World } from './world.ts'

const columns = [
  { name: 'id', type: 'long' },
  { name: 'writer', type: 'string' },
]
const foreignCount = 12
const ownCount = 15
const keys = 40

const one = (id: number, writer: string): string => `SELECT ${id}::BIGINT AS id, '${writer}' AS writer`

export function raceSuite(world: () => World, tools: Tools, findings: Findings): void {
  const skip = tools.pythonMissing
  const why = skip === undefined ? '' : ` (skipped: ${skip})`
  describe.skipIf(skip !== undefined)(`writing at the same time as PyIceberg${why}`, () => {
    const race = (name: string, own: (subject: Subject) => Promise<void>, expected: () => [number, string][]): void =>
      it(name, async () => {
        findings.note('races', name, 'no row lost, none twice', 'differs')
        const subject = await makeSubject(world(), `races.${name.replaceAll(/\W+/g, '_')}`, { columns })
        await subject.table.append({ sql: `SELECT i AS id, 'first' AS writer FROM range(${keys}) r(i)` })
        const statements = Array.from({ length: foreignCount }, (_, index) => one(10_000 + index, 'PyIceberg'))
        const others = world().python.ask('race', { uri: world().url, table: subject.name, statements })
        await Promise.all([others, own(subject)])
        await subject.table.refresh()
        const rows = await subject.table.rows()
        const found = rows.map(({ id, writer }) => `${id} ${writer}`).sort()
        const foreign = statements.map((_, index) => [10_000 + index, 'PyIceberg'])
        expect(found).toEqual([...expected(), ...foreign].map(([id, writer]) => `${id} ${writer}`).sort())
        findings.note('races', name, 'no row lost, none twice', 'equal')
      })
    const first = Array.from({ length: keys }, (_, id): [number, string] => [id, 'first'])

    race(
      'Millrace appends, two at once',
      async ({ name }) => {
        const append = async (from: number): Promise<void> => {
          const table = await world().warehouse.table(name)
          for (let index = 0; index < ownCount; index += 1) await table.append({ sql: one(from + index, 'Millrace') })
        }
        await Promise.all([append(100), append(200)])
      },
      () => [
        ...first,
        ...[100, 200].flatMap((from) =>
          Array.from({ length: ownCount }, (_, index): [number, string] => [from + index, 'Millrace']),
        ),
      ],
    )
    for (const mode of ['copy-on-write', 'merge-on-read'] as const) {
      race(
        `Millrace merges, ${mode}`,
        async ({ table }) => {
          for (let index = 0; index < ownCount; index += 1) {
            const sql = `${one(index, 'merged')} UNION ALL ${one(300 + index, 'merged')}`
            await table.merge({ using: { sql }, on: ['id'], mode, retries: 50 })
          }
        },
        () => [
          ...first.map(([id, writer]): [number, string] => [id, id < ownCount ? 'merged' : writer]),
          ...Array.from({ length: ownCount }, (_, index): [number, string] => [300 + index, 'merged']),
        ],
      )
    }
  })
}
