/** What the merges of iceberg.test.ts do, and what the table holds after each of them. */
import type { MergeOptions } from '../../src/iceberg/table.ts'

export const tableName = 'crash.rounds'
const rowsAtFirst = 3000
const rowsPerRound = 100
const stride = 5 // a round changes every fifth row, and deletes every hundredth of them

/** The rows of the table before any round. */
export const firstRows = `SELECT i::INT AS id, 0 AS n, repeat('x', 50) || i AS filler FROM range(${rowsAtFirst}) r(i)`

/** A round: changes some rows, deletes a few, brings some new ones; in either mode. */
export function roundSource(round: number): MergeOptions {
  const rows = rowsAtFirst + round * rowsPerRound
  return {
    using: {
      sql: `SELECT i::INT AS id, ${round} AS n, 'new' AS filler FROM range(${rows}) r(i) WHERE i % ${stride} = ${round % stride} OR i >= ${rows - rowsPerRound}`,
    },
    on: ['id'],
    whenMatched: [
      { when: `s.id % 100 = ${round % 100}`, then: 'delete' },
      { then: 'update', set: { n: 's.n' } },
    ],
    whenNotMatched: { when: `s.id >= ${rows - rowsPerRound}` },
    mode: round % 2 === 0 ? 'copy-on-write' : 'merge-on-read',
  }
}

/** Rows and the sum over them that tells states apart, after a round. */
export function stateAfter(round: number): { rows: number; sum: number } {
  const values = new Map(Array.from({ length: rowsAtFirst }, (_, id) => [id, 0]))
  for (let each = 1; each <= round; each += 1) {
    const rows = rowsAtFirst + each * rowsPerRound
    for (let id = 0; id < rows; id += 1) {
      const isNew = id >= rows - rowsPerRound
      if (id % stride !== each % stride && !isNew) continue
      if (!values.has(id)) {
        if (isNew) values.set(id, each)
      } else if (id % 100 === each % 100) values.delete(id)
      else values.set(id, each)
    }
  }
  let sum = 0
  for (const [id, n] of values) sum += (id + 1) * (n + 1)
  return { rows: values.size, sum }
}

/** The query that `stateAfter` answers. */
export const stateQuery = `SELECT count(*)::INT AS rows, coalesce(sum((id + 1) * (n + 1)), 0)::BIGINT AS sum FROM`
