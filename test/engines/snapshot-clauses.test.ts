/** `at snapshot`, `at timestamp` and `at ref` are taken out of SQL, and nothing else is. */
import { describe, expect, it } from 'vitest'
import { takeSnapshotClauses } from '../../src/engines/duckdb/snapshot-clauses.ts'

describe('takeSnapshotClauses', () => {
  it('finds every table with its time', () => {
    const { sql, tables } = takeSnapshotClauses(
      `select * from ns.t at snapshot 8446744073709551615 a join "n s"."t""x" AT  timestamp '2025-11-02 06:00:00' using (id)
       where exists (from ns.t at ref 'audit' where x = 'ns.t at snapshot 1') -- ns.t at snapshot 2`,
    )
    expect(tables).toEqual([
      { name: 'millrace_at_0', table: 'ns.t', at: { snapshot: 8446744073709551615n } },
      { name: 'millrace_at_1', table: 'n s.t"x', at: { asOfMs: Date.UTC(2025, 10, 2, 6) } },
      { name: 'millrace_at_2', table: 'ns.t', at: { ref: 'audit' } },
    ])
    expect(sql).toBe(
      `select * from millrace_at_0 a join millrace_at_1 using (id)
       where exists (from millrace_at_2 where x = 'ns.t at snapshot 1') -- ns.t at snapshot 2`,
    )
  })

  it('leaves alone what is no such clause', () => {
    const sql = `select t.at, x.ns.t at snapshot 1, at time zone, n.t at time zone 'UTC' from ns.t as at`
    expect(takeSnapshotClauses(sql)).toEqual({ sql, tables: [] })
  })

  it('takes times with a zone, days, and refuses others', () => {
    const at = (time: string): unknown => takeSnapshotClauses(`from a.b at timestamp '${time}'`).tables[0]?.at
    expect(at('2025-11-02')).toEqual({ asOfMs: Date.UTC(2025, 10, 2) })
    expect(at('2025-11-02T06:00:00+02:00')).toEqual({ asOfMs: Date.UTC(2025, 10, 2, 4) })
    expect(() => at('yesterday')).toThrow("at timestamp 'yesterday'  is no time")
  })
})
