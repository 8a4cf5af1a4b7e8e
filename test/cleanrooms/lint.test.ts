/** What the services would refuse is said before they are asked, each with its source. */
import { describe, expect, it } from 'vitest'
import type { AnalysisRule, CleanRooms, CleanRoomsOptions } from '../../src/cleanrooms/definition.ts'
import { desiredResources } from '../../src/cleanrooms/desired.ts'
import { lintCleanRooms, type TableFiles } from '../../src/cleanrooms/lint.ts'
import type { OfferedTable } from '../../src/cleanrooms/resources.ts'
import { definitionWith, options, providers } from './room.ts'

function table(name: string, columns: readonly string[]): OfferedTable {
  return {
    name,
    columns: columns.map((Name) => ({ Name, Type: 'string' })),
    partitionColumns: [{ Name: 'snapshot_dt', Type: 'string' }],
    location: `x/${name}/`,
    snapshot: null,
    inputFormat: '',
    outputFormat: '',
    serializationLibrary: '',
    serdeParameters: {},
    parameters: {},
  }
}
const columns = (count: number): string[] => [
  'customer_user_id',
  ...Array.from({ length: count - 1 }, (_, at) => `c${at}`),
]
const part = (count: number): OfferedTable => table('part_a', columns(count))

function found(definition: CleanRooms, tables: OfferedTable[], files: TableFiles[] = []): string[] {
  const desired = desiredResources(definition, 'dev', tables)
  const findings = lintCleanRooms(definition, 'dev', desired, tables, files)
  for (const { source } of findings) expect(source).not.toBe('')
  return findings.map(({ level, rule, where }) => `${level} ${rule} ${where}`)
}
function messages(definition: CleanRooms, tables: OfferedTable[], files: TableFiles[] = []): string {
  const desired = desiredResources(definition, 'dev', tables)
  return lintCleanRooms(definition, 'dev', desired, tables, files)
    .map(({ message }) => message)
    .join('\n')
}
const ruled = (analysisRule: AnalysisRule | null, other: Partial<CleanRoomsOptions> = {}): CleanRooms =>
  definitionWith({ configuredTable: { ...options.configuredTable, analysisRule }, ...other })
const custom = (allowedAnalysisProviders: string[]): AnalysisRule => ({
  type: 'CUSTOM',
  allowedAnalyses: ['ANY_QUERY'],
  allowedAnalysisProviders,
})

describe('lint', () => {
  it('is silent about what is well', () => {
    expect(found(definitionWith(), [part(99)])).toEqual([])
  })

  it('leaves the partition column out where 100 columns leave no room, and says so', () => {
    expect(found(definitionWith(), [part(100)])).toEqual(['warning partition-column configured-table part_a'])
  })

  it('knows that 100 columns are taken', () => {
    expect(found(definitionWith(), [part(101)])[0]).toBe('error allowed-columns configured-table part_a')
    expect(messages(definitionWith(), [part(101)])).toContain('allows 101 columns, 100 are taken')
  })

  it('knows codecs and versions of Iceberg', () => {
    const file = (codecs: string[], icebergVersion: number | null = null) => [
      { table: 'part_a', codecs, icebergVersion },
    ]
    expect(found(definitionWith(), [part(2)], file(['SNAPPY', 'GZIP', 'UNCOMPRESSED']))).toEqual([])
    expect(found(definitionWith(), [part(2)], file(['SNAPPY', 'ZSTD']))).toEqual(['error codec table part_a'])
    expect(messages(definitionWith(), [part(2)], file(['ZSTD']))).toContain('ZSTD; Clean Rooms reads GZIP and Snappy')
    expect(found(definitionWith(), [part(2)], file([], 2))).toEqual([])
    expect(found(definitionWith(), [part(2)], file([], 3))).toEqual(['error iceberg-version table part_a'])
  })

  it('misses rules and providers', () => {
    expect(found(ruled(null), [part(2)])).toEqual(['error missing-rule configured-table part_a'])
    expect(found(ruled(custom([])), [part(2)])).toEqual(['error missing-providers analysis-rule part_a'])
    expect(found(ruled(custom(['444444444444'])), [part(2)])).toEqual(['error missing-providers analysis-rule part_a'])
    expect(messages(ruled(custom(['444444444444'])), [part(2)])).toContain('555555555555')
  })

  it('knows how large a rule may be', () => {
    const many = Array.from(
      { length: 900 },
      (_, at) => `arn:aws:cleanrooms:us-east-1:111111111111:membership/${'m'.repeat(36)}/analysistemplate/${at}`,
    )
    expect(found(ruled({ ...custom(providers), allowedAnalyses: many } as AnalysisRule), [part(2)])).toEqual([
      'error rule-size analysis-rule part_a',
    ])
  })

  it('looks for the columns that rules and tables name', () => {
    const list: AnalysisRule = { type: 'LIST', joinColumns: ['customer_user_id'], listColumns: ['nowhere'] }
    expect(found(ruled(list), [part(2)])).toEqual(['error rule-column analysis-rule part_a'])
    const overrides = { part_a: { allowedColumns: ['customer_user_id', 'gone'] } }
    expect(found(definitionWith({ overrides }), [part(2)])).toEqual(['error missing-column configured-table part_a'])
    expect(found(ruled({ ...list, listColumns: ['*'] }), [part(2)])).toEqual([])
  })

  it('counts the tables of a query, of an account, and the types of rules', () => {
    const many = (count: number) => Array.from({ length: count }, (_, at) => table(`part_${at}`, columns(2)))
    expect(found(definitionWith(), many(15))).toEqual([])
    expect(found(definitionWith(), many(16))).toEqual(['warning tables-in-query collaboration'])
    expect(found(definitionWith(), many(251))).toContain('error configured-tables account')
    const analysisRule: AnalysisRule = { type: 'LIST', joinColumns: ['customer_user_id'], listColumns: ['*'] }
    expect(found(definitionWith({ overrides: { part_1: { analysisRule } } }), many(2))).toEqual([
      'warning mixed-rules collaboration',
    ])
  })

  it('knows names that are not taken', () => {
    const association = { name: 'of {table}, dear' }
    expect(found(definitionWith({ association }), [part(2)])).toEqual(['error name association of part_a, dear'])
    const long = table(`part_${'x'.repeat(100)}`, columns(2))
    expect(found(definitionWith(), [long])).toEqual([`error name configured-table ${long.name}`])
    expect(found(definitionWith(), [table("part_o'neil", columns(2))])).toEqual(
      expect.arrayContaining(["error table-name configured-table part_o'neil"]),
    )
    expect(found(definitionWith(), [table('part_a', ['customer_user_id', 'Größe'])])).toEqual([
      'error column-name configured-table part_a',
      'error field-name schema-mapping part_a_er',
    ])
  })

  it('knows the limits of schema mappings', () => {
    const emails = (count: number) =>
      table('part_a', ['customer_user_id', ...Array.from({ length: count }, (_, at) => `c${at}_email`)])
    const most = (fieldsMax: number) =>
      definitionWith({
        entityResolution: {
          ...(options.entityResolution as object),
          uniqueId: 'customer_user_id',
          inputFields: options.entityResolution?.inputFields ?? [],
          fieldsMax,
        },
      })
    expect(found(definitionWith(), [emails(80)])).toEqual([])
    expect(found(most(80), [emails(34)])).toEqual([])
    expect(found(most(80), [emails(35)])).toEqual(['warning mapped-fields schema-mapping part_a_er'])
    expect(found(most(80), [emails(60)])).toEqual(['error mapped-fields schema-mapping part_a_er'])
    expect(found(definitionWith(), [table('part_a', ['customer_user_id'])])).toEqual([
      'warning mapped-fields er-table part_a_er',
    ])
    expect(messages(definitionWith(), [table('part_a', ['id', 'email'])])).toContain(
      'part_a has no column customer_user_id',
    )
  })

  it('knows how many ID namespaces there may be, and divides one of too many inputs', () => {
    const many = Array.from({ length: 45 }, (_, at) => table(`part_${at}`, ['customer_user_id', 'email']))
    const spaces = desiredResources(definitionWith(), 'dev', many).filter(({ kind }) => kind === 'id-namespace')
    expect(spaces.map(({ name, fields }) => [name, (fields.inputSourceConfig as unknown[]).length])).toEqual([
      ['acx-dev', 20],
      ['acx-dev-2', 20],
      ['acx-dev-3', 5],
    ])
    const hundreds = Array.from({ length: 201 }, (_, at) => table(`part_${at}`, ['customer_user_id', 'email']))
    expect(found(definitionWith(), hundreds)).toContain('error id-namespaces account')
  })
})
