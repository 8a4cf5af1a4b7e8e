/** A chain of joins is taken apart, and no other query is taken for one. */
import { describe, expect, it } from 'vitest'
import { filtersLeft, joinChain, linksOf, onlyAdding, wayTo } from '../../src/plan/join-chain.ts'

const sql = `select s.x, (select max(y) from z.z) as m, 'from a.b' as t
from n.s s join n.a as a on a.id = s.id -- where it is
 and a.k = 'join x.y z on' inner join "n"."b" b on b.id = a.id
left join n.c c on c.s = s.id and c.b = b.id left outer join n.d d on d.c = c.id
where s.x > (select 1) and d.y = 2`

describe('joinChain', () => {
  it('finds the tables, and what each needs of those before it', () => {
    expect(joinChain(sql)?.map(({ table, alias, isLeft, needs }) => [table, alias, isLeft, needs])).toEqual([
      ['n.s', 's', false, []],
      ['n.a', 'a', false, ['n.s']],
      ['n.b', 'b', false, ['n.a']],
      ['n.c', 'c', true, ['n.s', 'n.b']],
      ['n.d', 'd', true, ['n.c']],
    ])
  })

  it.each([
    'select 1 from n.a a join n.b b using (id)',
    'select 1 from n.a a, n.b b where a.id = b.id',
    'select 1 from n.a a join n.b b on a.id = b.id group by 1',
    'select 1 from n.a a join n.a b on a.id = b.id',
    'select 1 from n.a a join (select 1 as id) b on a.id = b.id',
    'select 1 from n.a a full join n.b b on a.id = b.id',
    'select distinct a.x from n.a a join n.b b on a.id = b.id',
    'with x as (select 1) select 1 from n.a a join n.b b on a.id = b.id',
    'select 1 from n.a a join n.b b on true',
    'select 1 from n.a a union all select 1 from n.b b',
    'select 1 from n.a a join n.b b on a.id = (b.id',
  ])('does not take %s for one', (other) => expect(joinChain(other)).toBeNull())

  it('tells which tables only add columns', () => {
    expect(onlyAdding(joinChain(sql) ?? [])).toEqual(['n.c', 'n.d'])
    const inner = `${sql.replace('left outer join n.d', 'join n.d')}`
    expect(onlyAdding(joinChain(inner) ?? [])).toEqual([])
    expect(filtersLeft(sql, joinChain(sql) ?? [])).toBe(true) // d.y = 2
    const without = sql.replace('and d.y = 2', '')
    expect(filtersLeft(without, joinChain(without) ?? [])).toBe(false)
  })

  it('tells what of a condition looks at two tables alone', () => {
    const text = `select 1 from n.a a join n.b b on b.id = a.id and (b.x = 1 or a.x = 2) and b.k < 3 join n.c c on C.b = b."id" and c.a > a.id and c.z = b.z + a.z
      left join n.d d on d.c = c.id or d.c = c.k
      left join n.e e on e.c = c.id + 1 left join n.f f on f.e = e.id and f.k = coalesce(e.k, 0)`
    const links = linksOf(joinChain(text) ?? [])
    expect(links.map(({ table, other, on, equal }) => [table.table, other.table, on, equal])).toEqual([
      ['n.b', 'n.a', 'b.id = a.id AND (b.x = 1 or a.x = 2)', [{ column: 'id', otherColumn: 'id' }]],
      ['n.c', 'n.b', 'C.b = b."id"', [{ column: 'b', otherColumn: 'id' }]],
      ['n.e', 'n.c', 'e.c = c.id + 1', []],
      ['n.f', 'n.e', 'f.e = e.id', [{ column: 'e', otherColumn: 'id' }]],
    ])
    expect(linksOf(joinChain('select 1 from n.a a join n.b b on b.id = (select a.id)') ?? [])).toEqual([])
  })

  it('tells by which tables another is found with the least reading', () => {
    const text = `select 1 from n.s s join n.big b on b.id = s.big join n.k k on k.id = s.k join n.t t on t.k = k.id and t.no = s.no
      join n.y y on y.t = t.id and y.b = b.id join n.u u on u.s = s.id`
    const chain = joinChain(text) ?? []
    const way = (table: string, rows: Record<string, number>): string[] => {
      const found = chain.find((one) => one.table === table)
      return found === undefined ? [] : wayTo(chain, found, (name) => rows[name] ?? 10).map((one) => one.table)
    }
    expect(way('n.y', { 'n.big': 1000 })).toEqual(['n.k', 'n.t'])
    expect(way('n.y', { 'n.t': 1000 })).toEqual(['n.big'])
    expect(way('n.u', {})).toEqual([])
    expect(way('n.s', {})).toEqual([])
  })
})
