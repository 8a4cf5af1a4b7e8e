import { describe, expect, it } from 'vitest'
import {
  assignIds,
  checkKey,
  checkType,
  fieldByPath,
  fieldPath,
  findField,
  lastColumnId,
  typeText,
  walkFields,
} from '../../src/iceberg/schema.ts'
import { partitionFieldName, partitionFields, sortFields } from '../../src/iceberg/terms.ts'
import { hiveType, icebergType } from '../../src/iceberg/type-text.ts'
import type { Field } from '../../src/iceberg/types.ts'
import { columns } from './lake.ts'

const nested = columns({
  id: 'bigint',
  place: 'struct<lat: double, names: list<string>>',
  tags: 'map<string, struct<n: int>>',
  Name: 'string',
})

describe('a schema', () => {
  it('has ids in the order of the specification: a level first, then what is in it', () => {
    const ids: [string, number, boolean][] = []
    walkFields(nested, (field, path, isRepeated) => ids.push([path.join('.'), field.id, isRepeated]))
    expect(ids).toEqual([
      ['id', 1, false],
      ['place', 2, false],
      ['place.lat', 5, false],
      ['place.names', 6, false],
      ['place.names.element', 7, true],
      ['tags', 3, false],
      ['tags.key', 8, true],
      ['tags.value', 9, true],
      ['tags.value.n', 10, true],
      ['Name', 4, false],
    ])
    expect(lastColumnId(nested)).toBe(10)
    expect(fieldPath({ fields: nested }, 10)).toBe('tags.value.n')
    expect(fieldByPath({ fields: nested }, 'place.names')?.id).toBe(6)
    expect(assignIds(assignIds(nested))).toEqual(nested)
  })

  it('finds columns exactly, then without case, and says which there are', () => {
    expect(findField({ fields: nested }, 'NAME').id).toBe(4)
    expect(findField({ fields: nested }, 'PLACE.lat').id).toBe(5)
    expect(() => findField({ fields: nested }, 'nam')).toThrow(
      /there is no column nam \(id, place, .*did you mean Name\?/,
    )
    const twice: Field[] = [...nested, { id: 11, name: 'name', required: false, type: 'int' }]
    expect(findField({ fields: twice }, 'name').id).toBe(11)
    expect(() => findField({ fields: twice }, 'NAME')).toThrow('may be any of Name, name')
  })

  it.each(['timestamp_ns', 'variant', 'decimal(39, 2)', 'decimal(4, 5)', 'strng'])('refuses the type %s', (type) => {
    expect(() => checkType(type, 'a')).toThrow(/^a {2}/)
  })
})

describe('a key', () => {
  const [id, place] = columns({ id: 'int', place: 'struct<x: int, y: double>' }).map((field) => ({
    ...field,
    required: true,
  }))
  const check = (fields: unknown[], ...ids: number[]): void =>
    checkKey({ fields: fields as Field[], 'identifier-field-ids': ids })

  it('has required columns of simple types', () => {
    check([id, place], 1)
    expect(() => check([{ ...id, required: false }], 1)).toThrow('column id cannot be part of the key: it may be null')
    expect(() => check([id, place], 2)).toThrow('it has the type struct<x: int, y: double>')
    expect(() => check([id, place], 9)).toThrow('the key names field 9')
    const inside = {
      id: 5,
      name: 'list',
      required: true,
      type: { type: 'list', 'element-id': 6, 'element-required': true, element: 'int' },
    }
    expect(() => check([inside], 6)).toThrow('column list.element cannot be part of the key')
  })
})

describe('types as text', () => {
  it.each([
    ['BIGINT', 'long'],
    ['Integer', 'int'],
    ['smallint', 'int'],
    ['hugeint', 'decimal(38, 0)'],
    ['VARCHAR', 'string'],
    ['varchar(20)', 'string'],
    ['DECIMAL(38,10)', 'decimal(38, 10)'],
    ['numeric(5)', 'decimal(5, 0)'],
    ['TIMESTAMP WITH TIME ZONE', 'timestamptz'],
    ['timestamp', 'timestamp'],
    ['fixed[16]', 'fixed[16]'],
    ['INTEGER[][]', 'list<list<int>>'],
    ['array<bigint>', 'list<long>'],
    ['map<string,int>', 'map<string, int>'],
    ['STRUCT(a INTEGER, "b c" VARCHAR[])', 'struct<a: int, b c: list<string>>'],
    ['struct<a:int,`x``y`:struct<z:date>>', 'struct<a: int, x`y: struct<z: date>>'],
  ])('%s is %s', (text, type) => {
    expect(typeText(icebergType(text))).toBe(type)
  })

  it.each(['', 'int int', 'array<', 'decimal(40,2)', 'map<int>', 'struct<>', 'intt', 'constructor'])(
    '%j is none',
    (text) => {
      expect(() => icebergType(text)).toThrow()
    },
  )

  it('are given in Hive’s spelling', () => {
    const type = icebergType(
      'struct<a: long, b: list<decimal(9, 2)>, c: map<string, uuid>, d: fixed[3], `e f`: timestamptz>',
    )
    expect(hiveType(type)).toBe(
      'struct<a:bigint,b:array<decimal(9,2)>,c:map<string,string>,d:binary,`e f`:timestamptz>',
    )
  })
})

describe('terms', () => {
  const schema = { fields: columns({ id: 'long', ts: 'timestamptz', name: 'string', 'a b': 'int' }) }

  it('become partition fields with the usual names', () => {
    expect(partitionFields(schema, ['name', 'bucket(16, id)', 'truncate(4, NAME)', 'days(ts)', '"a b"'])).toEqual([
      { 'source-id': 3, 'field-id': 1000, name: 'name', transform: 'identity' },
      { 'source-id': 1, 'field-id': 1001, name: 'id_bucket', transform: 'bucket[16]' },
      { 'source-id': 3, 'field-id': 1002, name: 'name_trunc', transform: 'truncate[4]' },
      { 'source-id': 2, 'field-id': 1003, name: 'ts_day', transform: 'day' },
      { 'source-id': 4, 'field-id': 1004, name: 'a b', transform: 'identity' },
    ])
    expect(partitionFieldName('hour', 'ts')).toBe('ts_hour')
  })

  it('become sort fields, with Spark’s defaults for nulls', () => {
    const orders = sortFields(schema, ['id', 'name desc', 'ts DESC NULLS FIRST', 'bucket(4, id) asc nulls last'])
    expect(
      orders.map((field) => `${field.transform} ${field['source-id']} ${field.direction} ${field['null-order']}`),
    ).toEqual([
      'identity 1 asc nulls-first',
      'identity 3 desc nulls-last',
      'identity 2 desc nulls-first',
      'bucket[4] 1 asc nulls-last',
    ])
  })

  it.each([
    ['hour(id)', /hour\(id\) {2}a column of type long cannot be partitioned or sorted by hour/],
    ['bucket(id)', /there is no transform "bucket"/],
    ['bucket(0, id)', /there is no transform "bucket\[0\]"/],
    ['nope', /there is no column nope/],
    ['months(name)', /type string/],
  ])('refuse %s', (term, message) => {
    expect(() => partitionFields(schema, [term])).toThrow(message)
  })

  it('refuse the name of another column', () => {
    const taken = { fields: columns({ ts: 'date', ts_day: 'int' }) }
    expect(() => partitionFields(taken, ['day(ts)'])).toThrow(
      'the partition field ts_day and a column would have one name',
    )
    expect(partitionFields(taken, ['ts_day'])).toHaveLength(1)
  })

  it('refuse two fields of one name', () => {
    expect(() => partitionFields(schema, ['bucket(4, id)', 'bucket(8, id)'])).toThrow('named id_bucket')
  })
})
