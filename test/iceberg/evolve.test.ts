import { describe, expect, it } from 'vitest'
import { evolveSchema, evolveTable, type SchemaChange } from '../../src/iceberg/evolve.ts'
import { newMetadata } from '../../src/iceberg/metadata.ts'
import { typeText, walkFields } from '../../src/iceberg/schema.ts'
import { partitionFields, sortFields } from '../../src/iceberg/terms.ts'
import type { Field, Schema } from '../../src/iceberg/types.ts'
import { columns } from './lake.ts'

const fields = columns({
  id: 'int',
  name: 'string',
  place: 'struct<lat: float, inner: struct<x: int>>',
  tags: 'list<struct<n: int>>',
  notes: 'map<string, decimal(9, 2)>',
})
const [id, ...others] = fields
const schema: Schema = {
  type: 'struct',
  'schema-id': 3,
  fields: [{ ...(id as Field), required: true }, ...others],
  'identifier-field-ids': [1],
}
const evolve = (...changes: SchemaChange[]): { text: string; ids: number[]; last: number } => {
  const { schema: next, lastColumnId } = evolveSchema(schema, 20, changes)
  const ids: number[] = []
  walkFields(next.fields, ({ id }) => ids.push(id))
  return { text: typeText(next).slice(7, -1), ids, last: lastColumnId }
}

describe('changing a schema', () => {
  it('adds columns with new ids, anywhere, nested too', () => {
    expect(
      evolve({ add: 'z', type: 'struct<p: int, q: list<long>>', doc: 'why' }, { add: 'a', type: 'DATE', after: null }),
    ).toMatchObject({
      text: expect.stringMatching(/^a: date, id: int, .*z: struct<p: int, q: list<long>>$/),
      last: 25,
    })
    expect(evolve({ add: 'place.lon', type: 'float', after: 'lat' }).text).toContain(
      'place: struct<lat: float, lon: float, inner: struct<x: int>>',
    )
    expect(evolve({ add: 'place.inner.y', type: 'int' }, { add: 'tags.element.m', type: 'string' }).text).toContain(
      'inner: struct<x: int, y: int>>, tags: list<struct<n: int, m: string>>',
    )
    const { schema: next } = evolveSchema(schema, 20, [{ add: 'z', type: 'int', doc: 'why' }])
    expect(next.fields.at(-1)).toEqual({ id: 21, name: 'z', required: false, type: 'int', doc: 'why' })
  })

  it('drops, renames, moves, widens and loosens them; ids stay', () => {
    const before = evolve()
    expect(evolve({ rename: 'name', to: 'label' }, { rename: 'place.inner.x', to: 'u' })).toEqual({
      ...before,
      text: 'id: int, label: string, place: struct<lat: float, inner: struct<u: int>>, tags: list<struct<n: int>>, notes: map<string, decimal(9, 2)>',
    })
    expect(evolve({ drop: 'place.inner' }, { drop: 'TAGS' }).text).toBe(
      'id: int, name: string, place: struct<lat: float>, notes: map<string, decimal(9, 2)>',
    )
    expect(evolve({ move: 'notes', after: null }, { move: 'id', after: 'place' }).text).toMatch(
      /^notes: .*, name: string, place: .*, id: int, tags: /,
    )
    expect(
      evolve(
        { widen: 'id', type: 'bigint' },
        { widen: 'place.lat', type: 'double' },
        { widen: 'notes.value', type: 'decimal(20,2)' },
        { widen: 'tags.element.n', type: 'long' },
      ),
    ).toEqual({
      ...before,
      text: 'id: long, name: string, place: struct<lat: double, inner: struct<x: int>>, tags: list<struct<n: long>>, notes: map<string, decimal(20, 2)>',
    })
    const required = { ...schema, fields: fields.map((field) => ({ ...field, required: true })) }
    expect(evolveSchema(required, 20, [{ optional: 'name' }]).schema.fields.map((field) => field.required)).toEqual([
      true,
      false,
      true,
      true,
      true,
    ])
    // A column that is dropped and added again is another one.
    expect(evolve({ drop: 'name' }, { add: 'name', type: 'int' }).ids).toContain(21)
  })

  it.each<[SchemaChange, string | RegExp]>([
    [{ drop: 'nam' }, 'there is no column nam (id, name, place, place.lat, place.inner, place.inner.x, tags,'],
    [{ drop: 'id' }, 'column id cannot be dropped: it is part of the table’s key'],
    [{ optional: 'id' }, 'column id cannot be part of the key: it may be null'],
    [{ drop: 'place.inner.x' }, 'it is the only one of its level'],
    [{ drop: 'tags.element' }, 'is no column of its own but what a list or a map holds'],
    [{ add: 'NAME', type: 'int' }, 'there is a column name already'],
    [{ add: 'x', type: 'integr' }, '"integr" is no column type'],
    [{ add: 'name.x', type: 'int' }, 'name.x cannot be added: name is no struct but string'],
    [{ add: 'x', type: 'int', after: 'nme' }, /column x cannot stand after nme: .*did you mean name\?/],
    [{ rename: 'name', to: 'ID' }, 'there is a column id already'],
    [{ rename: 'name', to: '' }, 'needs another name'],
    [{ move: 'name', after: 'name' }, 'cannot stand after name'],
    [{ widen: 'id', type: 'int' }, ''],
    [{ widen: 'id', type: 'string' }, 'column id cannot become string from int; what can be: int → long'],
    [{ widen: 'name', type: 'binary' }, 'cannot become binary'],
    [{ widen: 'notes.value', type: 'decimal(8, 2)' }, 'cannot become decimal(8, 2)'],
    [{ widen: 'notes.value', type: 'decimal(12, 3)' }, 'cannot become decimal(12, 3)'],
    [{ widen: 'place', type: 'int' }, 'cannot become int from struct'],
  ])('%j', (change, message) => {
    if (message === '') expect(evolve(change)).toEqual(evolve())
    else expect(() => evolve(change)).toThrow(message)
  })

  it('refuses to change the keys of a map', () => {
    const keyed = { ...schema, fields: columns({ m: 'map<int, int>', id: 'int' }) }
    expect(() =>
      evolveSchema({ ...keyed, 'identifier-field-ids': [] }, 20, [{ widen: 'm.key', type: 'long' }]),
    ).toThrow('the keys of a map cannot be changed')
  })
})

describe('changing a table’s schema', () => {
  const given = columns({ id: 'int', state: 'string', rank: 'int' })
  const metadata = newMetadata(
    {
      schema: { fields: given },
      spec: partitionFields({ fields: given }, ['bucket(4, state)']),
      sortOrder: sortFields({ fields: given }, ['rank']),
    },
    '/t',
    1,
  )

  it('is one update, or none', () => {
    expect(evolveTable(metadata, [{ rename: 'id', to: 'key' }])).toMatchObject([
      { action: 'add-schema', 'last-column-id': 3 },
      { action: 'set-current-schema', 'schema-id': -1 },
    ])
    expect(
      evolveTable(metadata, [
        { rename: 'id', to: 'key' },
        { rename: 'key', to: 'id' },
      ]),
    ).toEqual([])
  })

  it('refuses a column that is called as a partition field', () => {
    expect(() => evolveTable(metadata, [{ add: 'state_bucket', type: 'int' }])).toThrow('would have one name')
  })

  it('refuses to drop what partitions or sorts', () => {
    expect(() => evolveTable(metadata, [{ drop: 'state' }])).toThrow(
      'column state cannot be dropped: the table is partitioned by it (state_bucket)',
    )
    expect(() => evolveTable(metadata, [{ drop: 'rank' }])).toThrow(
      'column rank cannot be dropped: the table is sorted by it',
    )
  })
})
