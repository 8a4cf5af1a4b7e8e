import * as fs from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { writeJson } from '../../src/iceberg/json.ts'
import {
  checkMetadata,
  currentSchema,
  emptyMetadata,
  headOf,
  newMetadata,
  readMetadata,
  snapshotById,
} from '../../src/iceberg/metadata.ts'
import type { Schema, Snapshot, TableMetadata, Update } from '../../src/iceberg/types.ts'
import { applyUpdates, checkRequirements } from '../../src/iceberg/updates.ts'
import { columns, definition, temporaryFolder } from './lake.ts'

const fresh = (): TableMetadata =>
  newMetadata(definition(['state', 'bucket(4, id)'], { a: 'b' }), '/lake/farm/tracts', 1000)
const snapshot = (id: bigint, changes: Partial<Snapshot> = {}): Snapshot => ({
  'snapshot-id': id,
  'sequence-number': Number(id),
  'timestamp-ms': 1000 + Number(id),
  summary: { operation: 'append' },
  'manifest-list': `/lake/${id}.avro`,
  ...changes,
})
const moveMain = (id: bigint): Update => ({
  action: 'set-snapshot-ref',
  'ref-name': 'main',
  'snapshot-id': id,
  type: 'branch',
})

describe('a metadata file', () => {
  const folder = temporaryFolder()
  const written = (content: string | Uint8Array): string => {
    const path = `${folder}/v${fs.readdirSync(folder).length}.metadata.json`
    fs.writeFileSync(path, content)
    return path
  }

  it('is read as it was written, zipped too; what others put there stays', () => {
    const metadata = { ...fresh(), 'next-row-id': 5, statistics: [{ 'snapshot-id': 2n ** 62n, x: [1] }] }
    const text = writeJson(metadata)
    expect(readMetadata(written(text))).toEqual(metadata)
    expect(readMetadata(written(gzipSync(text)))).toEqual(metadata)
    expect(writeJson(readMetadata(written(text)))).toBe(text)
  })

  it('may leave out what the specification allows', () => {
    const { 'snapshot-log': _1, 'metadata-log': _2, refs: _3, properties: _4, ...least } = fresh()
    const given = { ...least, 'current-snapshot-id': 7, snapshots: [snapshot(7n)] }
    const metadata = readMetadata(written(writeJson(given)))
    expect(metadata.refs).toEqual({ main: { 'snapshot-id': 7n, type: 'branch' } })
    expect(headOf(metadata)?.['snapshot-id']).toBe(7n)
    expect(metadata.properties).toEqual({})
  })

  it.each<[string, (metadata: Record<string, unknown>) => void, RegExp]>([
    [
      'of version 1',
      (m) => (m['format-version'] = 1),
      /format version 1; Millrace reads and writes version 2\. Upgrade it/,
    ],
    ['of version 3', (m) => (m['format-version'] = 3), /format version 3; Millrace reads and writes version 2$/],
    ['without a location', (m) => delete m.location, /location is missing/],
    ['without schemas', (m) => (m.schemas = []), /schemas is missing/],
    ['without its current schema', (m) => (m['current-schema-id'] = 4), /schema 4, the current one, is missing/],
    [
      'with a ref to nowhere',
      (m) => (m.refs = { main: { 'snapshot-id': 3, type: 'branch' } }),
      /main stands at snapshot 3, which it lacks/,
    ],
    ['with a snapshot without files', (m) => (m.snapshots = [{ 'snapshot-id': 3 }]), /snapshot 3 has no manifest list/],
  ])('%s is refused by name', (_, damage, message) => {
    const metadata: Record<string, unknown> = { ...fresh() }
    damage(metadata)
    const path = written(writeJson(metadata))
    expect(() => readMetadata(path)).toThrow(message)
    expect(() => readMetadata(path)).toThrow(`${path}  this`)
  })

  it('that is cut, zipped badly, empty or gone is refused by name', () => {
    const text = writeJson(fresh())
    for (const content of [text.slice(0, 200), gzipSync(text).subarray(0, 100), '', '[]', 'null']) {
      const path = written(content)
      expect(() => readMetadata(path)).toThrow(`${path}  this`)
    }
    expect(() => readMetadata(`${folder}/none.metadata.json`)).toThrow(
      `${folder}/none.metadata.json  this metadata file is not there`,
    )
  })
})

describe('a new table', () => {
  it('has ids of its own, and what names columns by id follows', () => {
    const fields = columns({ a: 'int', s: 'struct<b: string>', c: 'long' }).map((field) => ({
      ...field,
      id: field.id + 40,
      required: true,
    }))
    const metadata = newMetadata(
      {
        schema: { fields, 'identifier-field-ids': [43] },
        spec: [{ 'source-id': 43, 'field-id': 9, name: 'c', transform: 'identity' }],
        sortOrder: [{ 'source-id': 41, transform: 'identity', direction: 'asc', 'null-order': 'nulls-first' }],
      },
      '/t',
      1,
    )
    expect(currentSchema(metadata)['identifier-field-ids']).toEqual([3])
    expect(metadata['partition-specs'][0]?.fields).toEqual([
      { 'source-id': 3, 'field-id': 1000, name: 'c', transform: 'identity' },
    ])
    expect(metadata['sort-orders']).toMatchObject([{ 'order-id': 1, fields: [{ 'source-id': 1 }] }])
    expect(metadata['last-column-id']).toBe(4)
  })

  it.each([
    [{}, 'at least one column'],
    [{ a: 'int', A: 'int' }, 'two columns are named a and A'],
    [{ a: 'struct<b: int, B: int>' }, 'two columns are named b and B'],
  ] as [Record<string, string>, string][])('refuses the columns %j', (types, message) => {
    expect(() => newMetadata({ schema: { fields: columns(types) } }, '/t', 1)).toThrow(message)
  })
})

describe('updates', () => {
  it('leave what they are applied to as it is', () => {
    const before = fresh()
    const text = writeJson(before)
    applyUpdates(
      before,
      [
        { action: 'add-snapshot', snapshot: snapshot(1n) },
        moveMain(1n),
        { action: 'set-properties', updates: { c: 'd' } },
      ],
      2000,
    )
    expect(writeJson(before)).toBe(text)
  })

  it('add snapshots, move branches and keep the history', () => {
    const metadata = applyUpdates(fresh(), [{ action: 'add-snapshot', snapshot: snapshot(1n) }, moveMain(1n)], 2000)
    expect(metadata['current-snapshot-id']).toBe(1n)
    expect(metadata['last-sequence-number']).toBe(1)
    expect(metadata['snapshot-log']).toEqual([{ 'timestamp-ms': 1001, 'snapshot-id': 1n }])
    const late = snapshot(2n, { 'sequence-number': 1, 'parent-snapshot-id': 1n })
    expect(() => applyUpdates(metadata, [{ action: 'add-snapshot', snapshot: late }], 1)).toThrow(
      /sequence number 1, but 1 was given/,
    )
    expect(() => applyUpdates(metadata, [{ action: 'add-snapshot', snapshot: snapshot(1n) }], 1)).toThrow(
      'there is a snapshot 1 already',
    )
    expect(() => applyUpdates(metadata, [moveMain(5n)], 1)).toThrow('the table does not have it')
    expect(() => applyUpdates(metadata, [{ action: 'remove-snapshots', 'snapshot-ids': [1n] }], 1)).toThrow(
      'main stands at it',
    )
  })

  it('that remove snapshots cut the history before the gap', () => {
    const steps = [1n, 2n, 3n].flatMap((id): Update[] => [
      { action: 'add-snapshot', snapshot: snapshot(id) },
      moveMain(id),
    ])
    const metadata = applyUpdates(fresh(), [...steps, { action: 'remove-snapshots', 'snapshot-ids': [2n] }], 1)
    expect(metadata['snapshot-log'].map((entry) => entry['snapshot-id'])).toEqual([3n])
    expect(metadata.snapshots.map((entry) => entry['snapshot-id'])).toEqual([1n, 3n])
  })

  it('do not add what is there already', () => {
    const before = fresh()
    const schema = currentSchema(before)
    const wider: Schema = { ...schema, fields: [...schema.fields, { id: 6, name: 'x', required: false, type: 'int' }] }
    const after = applyUpdates(
      before,
      [
        { action: 'add-schema', schema },
        { action: 'set-current-schema', 'schema-id': -1 },
        { action: 'add-spec', spec: { 'spec-id': 0, fields: before['partition-specs'][0]?.fields ?? [] } },
        { action: 'set-default-spec', 'spec-id': -1 },
        { action: 'add-schema', schema: { ...wider, 'schema-id': 0 } },
        { action: 'set-current-schema', 'schema-id': -1 },
        { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
        { action: 'set-default-sort-order', 'sort-order-id': -1 },
      ],
      1,
    )
    expect(after.schemas.map((known) => known['schema-id'])).toEqual([0, 1])
    expect(after['current-schema-id']).toBe(1)
    expect(after['last-column-id']).toBe(6)
    expect(after['partition-specs']).toHaveLength(1)
    expect(after['sort-orders']).toEqual([{ 'order-id': 0, fields: [] }])
  })

  it('give a partition field that came back its old id', () => {
    const { fields } = fresh()['partition-specs'][0] ?? { fields: [] }
    const [state, bucket] = fields.map(({ 'field-id': _, ...field }) => field)
    const day = { 'source-id': 4, name: 'planted_day', transform: 'day' }
    const specs = [[bucket], [day], [state, bucket, day]].map(
      (list): Update => ({ action: 'add-spec', spec: { 'spec-id': 9, fields: list as never } }),
    )
    const after = applyUpdates(fresh(), specs, 1)
    expect(after['partition-specs'].map((spec) => spec.fields.map((field) => field['field-id']))).toEqual([
      [1000, 1001],
      [1001],
      [1002],
      [1000, 1001, 1002],
    ])
    expect(after['last-partition-id']).toBe(1002)
  })

  it('refuse what they do not know, other versions and another uuid', () => {
    const update = (given: unknown): unknown => applyUpdates(fresh(), [given as Update], 1)
    expect(() => update({ action: 'set-statistics' })).toThrow('the update set-statistics is not supported')
    expect(() => update({ action: 'upgrade-format-version', 'format-version': 3 })).toThrow(
      'format version 3 is refused',
    )
    expect(() => update({ action: 'assign-uuid', uuid: 'x' })).toThrow('uuid of a table cannot be changed')
    expect(() => update({ action: 'set-current-schema', 'schema-id': 3 })).toThrow('there is no schema 3')
    expect(applyUpdates(emptyMetadata('/t', 'u'), [{ action: 'assign-uuid', uuid: 'x' }], 1)['table-uuid']).toBe('x')
  })
})

describe('requirements', () => {
  const metadata = applyUpdates(
    fresh(),
    [
      { action: 'add-snapshot', snapshot: snapshot(2n ** 62n + 1n, { 'sequence-number': 1 }) },
      moveMain(2n ** 62n + 1n),
    ],
    1,
  )
  const check = (requirement: unknown): void => checkRequirements('farm.tracts', metadata, [requirement as never])

  it('hold', () => {
    check({ type: 'assert-table-uuid', uuid: metadata['table-uuid'].toUpperCase() })
    check({ type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 2n ** 62n + 1n })
    check({ type: 'assert-ref-snapshot-id', ref: 'none', 'snapshot-id': null })
    check({ type: 'assert-properties', properties: { a: 'b', c: null } })
  })

  it.each([
    { type: 'assert-create' },
    { type: 'assert-table-uuid', uuid: 'x' },
    { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': 2n ** 62n },
    { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': null },
    { type: 'assert-current-schema-id', 'current-schema-id': 1 },
    { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': 9 },
    { type: 'assert-last-assigned-partition-id', 'last-assigned-partition-id': 9 },
    { type: 'assert-default-spec-id', 'default-spec-id': 9 },
    { type: 'assert-default-sort-order-id', 'default-sort-order-id': 9 },
    { type: 'assert-properties', properties: { a: null } },
    { type: 'assert-something' },
  ])('fail: $type', (requirement) => {
    expect(() => check(requirement)).toThrow(/farm\.tracts|assert-something is not known/)
  })

  it('name snapshots that are not there', () => {
    expect(() => snapshotById(metadata, 3n)).toThrow(
      `there is no snapshot 3; it may have expired. The last ones: ${2n ** 62n + 1n}`,
    )
    expect(() => headOf(metadata, 'audit')).toThrow('there is no branch or tag audit (main)')
    expect(() => checkMetadata(null, 'x')).toThrow('it is no JSON object')
  })
})
