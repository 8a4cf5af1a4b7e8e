import * as fs from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeAvro } from '../../src/iceberg/avro.ts'
import { readManifest, readManifestList } from '../../src/iceberg/manifests.ts'
import { currentSchema } from '../../src/iceberg/metadata.ts'
import { commitSnapshot, liveFiles } from '../../src/iceberg/snapshots.ts'
import { partitionFields } from '../../src/iceberg/terms.ts'
import type { ManifestFile, PartitionValue } from '../../src/iceberg/types.ts'
import { columns, lakeWith } from './lake.ts'
import { append, change, dataFile, table } from './listed-files.ts'

const types = {
  b: 'boolean',
  i: 'int',
  l: 'long',
  f: 'double',
  n: 'decimal(38,3)',
  d: 'date',
  t: 'time',
  z: 'timestamptz',
  s: 'string',
  u: 'uuid',
  x: 'fixed[3]',
  y: 'binary',
  'odd name-1': 'int',
}
const fields = columns(types)
const values: PartitionValue[] = [
  true,
  -7,
  2n ** 62n,
  -0.5,
  -(10n ** 38n) + 1n,
  -1,
  5n,
  -1n,
  'é',
  'f79c3e09-677c-4bbd-a479-3f349cb785e7',
  Buffer.of(1, 2, 3),
  Buffer.of(0),
  3,
]
const spec = partitionFields(
  { fields },
  Object.keys(types).map((name) => `"${name}"`),
)

describe('a manifest', () => {
  it('gives back what was written, for partitions of every type and nulls', async () => {
    const { catalog, folder } = await lakeWith({ schema: { fields }, spec })
    const file = dataFile(folder, {
      partition: values,
      column_sizes: new Map([[1, 2 ** 40]]),
      value_counts: new Map([[1, 10]]),
      null_value_counts: new Map([[2, 0]]),
      nan_value_counts: new Map([[4, 1]]),
      lower_bounds: new Map([[2, Buffer.of(1, 0, 0, 0)]]),
      upper_bounds: new Map([[2, Buffer.of(9, 0, 0, 0)]]),
      split_offsets: [4, 2 ** 33],
      sort_order_id: 1,
    })
    const empty = dataFile(folder, { partition: values.map(() => null) })
    const snapshot = await append(catalog, file, empty)
    const { metadata } = await catalog.load(table)
    const inherited = { sequence_number: 1, file_sequence_number: 1, snapshot_id: snapshot['snapshot-id'] }
    expect(await liveFiles(metadata, snapshot['snapshot-id'])).toEqual([
      { ...file, ...inherited },
      { ...empty, ...inherited },
    ])
    const [manifest] = readManifestList(snapshot) as [ManifestFile]
    expect(manifest.partitions?.map((part) => part.contains_null)).toEqual(values.map(() => true))
    expect(manifest.partitions?.[1]?.lower_bound).toEqual(Buffer.of(0xf9, 0xff, 0xff, 0xff))
    expect(manifest.manifest_length).toBe(fs.statSync(manifest.manifest_path).size)
  })

  it('names its fields by ids, and in its header the schema and specification', async () => {
    const { catalog, folder, loaded } = await lakeWith({ schema: { fields }, spec })
    const snapshot = await append(catalog, dataFile(folder, { partition: values }))
    const [manifest] = readManifestList(snapshot) as [ManifestFile]
    const { header, schema } = decodeAvro(fs.readFileSync(manifest.manifest_path), 'x')
    expect(JSON.parse(header.schema as string)).toEqual(currentSchema(loaded.metadata))
    expect(Object.keys(header).sort()).toEqual([
      'content',
      'format-version',
      'partition-spec',
      'partition-spec-id',
      'schema',
      'schema-id',
    ])
    expect(JSON.stringify(schema)).toContain('"name":"odd_x20name_x2D1"')
    expect(JSON.stringify(schema)).toContain('"iceberg-field-name":"odd name-1"')
  })

  it('is read as the type that its partition column was widened to', async () => {
    const narrow = columns({ i: 'int' })
    const { catalog, folder } = await lakeWith({
      schema: { fields: narrow },
      spec: partitionFields({ fields: narrow }, ['i']),
    })
    await append(catalog, dataFile(folder, { partition: [5] }))
    const wide = { ...currentSchema((await catalog.load(table)).metadata), fields: columns({ i: 'long' }) }
    const { metadata } = await catalog.commit(
      table,
      [],
      [
        { action: 'add-schema', schema: wide },
        { action: 'set-current-schema', 'schema-id': -1 },
      ],
    )
    const [file] = await liveFiles(metadata, metadata['current-snapshot-id'] as bigint)
    expect(file?.partition).toEqual([5n])
  })

  it('that is damaged, cut, gone or something else is named, as is its list', async () => {
    const { catalog, folder } = await lakeWith()
    const snapshot = await append(catalog, dataFile(folder))
    const { metadata } = await catalog.load(table)
    const [manifest] = readManifestList(snapshot) as [ManifestFile]
    const damage: [name: string, act: (path: string) => void, message: RegExp][] = [
      ['cut', (path) => fs.truncateSync(path, 300), /is damaged, or no Avro file: it ends too early/],
      ['changed', (path) => fs.writeFileSync(path, Buffer.from('Obj\x01nonsense')), /is damaged, or no Avro file/],
      [
        'of other fields',
        (path) => fs.copyFileSync(path === manifest.manifest_path ? snapshot['manifest-list'] : copy, path),
        /has not the fields that Iceberg’s|has not the fields that Iceberg's/,
      ],
      ['gone', (path) => fs.rmSync(path), /is not there/],
    ]
    const copy = `${manifest.manifest_path}.copy`
    fs.copyFileSync(manifest.manifest_path, copy)
    for (const [name, act, message] of damage) {
      act(manifest.manifest_path)
      const read = (): unknown => readManifest(manifest, metadata)
      expect(read, name).toThrow(message)
      expect(read, name).toThrow(`${manifest.manifest_path}  this manifest`)
      if (name === 'of other fields') fs.copyFileSync(copy, manifest.manifest_path)
    }
    fs.copyFileSync(copy, manifest.manifest_path)
    for (const [name, act, message] of damage) {
      act(snapshot['manifest-list'])
      const read = (): unknown => readManifestList(snapshot)
      expect(read, name).toThrow(message)
      expect(read, name).toThrow(
        `${snapshot['manifest-list']}  this manifest list of snapshot ${snapshot['snapshot-id']}`,
      )
    }
  })

  it('of a snapshot that removes files tells them as deleted, and keeps the numbers of the others', async () => {
    const { catalog, folder } = await lakeWith()
    const first = await append(catalog, dataFile(folder), dataFile(folder))
    const { metadata } = await catalog.load(table)
    const [gone, stays] = await liveFiles(metadata, first['snapshot-id'])
    if (gone === undefined || stays === undefined) throw new Error('two files were added')
    const { snapshot, table: after } = await commitSnapshot(
      catalog,
      table,
      change(first, { operation: 'delete', removed: [gone] }),
    )
    const [manifest] = readManifestList(snapshot) as [ManifestFile]
    expect(manifest).toMatchObject({
      added_files_count: 0,
      existing_files_count: 1,
      deleted_files_count: 1,
      deleted_rows_count: 10,
      sequence_number: 2,
      min_sequence_number: 1,
    })
    const entries = readManifest(manifest, after.metadata)
    expect(
      entries.map(({ status, snapshot_id, file }) => [status, snapshot_id, file.file_path, file.sequence_number]),
    ).toEqual([
      [2, snapshot['snapshot-id'], gone.file_path, 1],
      [0, first['snapshot-id'], stays.file_path, 1],
    ])
  })
})
