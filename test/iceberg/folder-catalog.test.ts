import { spawn, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { folderCatalog, parseTableName } from '../../src/iceberg/folder-catalog.ts'
import { ancestors, liveFiles } from '../../src/iceberg/snapshots.ts'
import { writeVersion } from '../../src/iceberg/table-versions.ts'
import { definition, lakeWith, temporaryFolder } from './lake.ts'
import { append, dataFile, table } from './listed-files.ts'

const jiti = fileURLToPath(new URL('../../node_modules/jiti/lib/jiti-cli.mjs', import.meta.url))
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const metadataFolder = (folder: string): string => path.join(folder, 'farm/tracts/metadata')
const set = (key: string) => [{ action: 'set-properties' as const, updates: { [key]: 'x' } }]

describe('a catalog in a folder', () => {
  it('has namespaces and tables', async () => {
    const catalog = folderCatalog(path.join(temporaryFolder(), 'iceberg'))
    expect(await catalog.namespaces()).toEqual([])
    await catalog.createNamespace('empty')
    await expect(catalog.createNamespace('empty')).rejects.toThrow('namespace empty exists already')
    const created = await catalog.create(table, definition())
    expect(created.metadataLocation).toBe(path.join(catalog.folder, 'farm/tracts/metadata/v1.metadata.json'))
    expect(await catalog.namespaces()).toEqual(['empty', 'farm'])
    expect(await catalog.tables('farm')).toEqual([table])
    expect(await catalog.load(table)).toEqual(created)
    await expect(catalog.create(table, definition())).rejects.toThrow('table farm.tracts exists already')
    await expect(catalog.load({ ...table, name: 'tract' })).rejects.toThrow(
      'there is no table farm.tract (farm has tracts); did you mean tracts?',
    )
    await expect(catalog.tables('fram')).rejects.toThrow('there is no namespace fram (empty, farm)')
    await expect(catalog.dropNamespace('farm')).rejects.toThrow('namespace farm is not empty: it has tracts')
    await catalog.drop(table)
    await expect(catalog.commit(table, [], set('a'))).rejects.toThrow('farm has no tables')
    await catalog.dropNamespace('farm')
    await catalog.dropNamespace('empty')
    expect(fs.readdirSync(catalog.folder)).toEqual([])
  })

  it.each(['a.b.c', 'a', '', '.a.b', '../x.y', 'a./etc', 'a.b c', 'a..', '_a.b', `a.${'b'.repeat(200)}`])(
    'refuses the name %j',
    (name) => {
      expect(() => parseTableName(name)).toThrow(/expected namespace\.table|is refused as the name/)
    },
  )

  it('writes each version once, keeps the log, and lets nothing else lie about', async () => {
    const { catalog, folder, loaded } = await lakeWith(definition([], { 'write.metadata.previous-versions-max': '2' }))
    for (const key of ['a', 'b', 'c']) await catalog.commit(table, [], set(key))
    const { metadata, metadataLocation } = await catalog.load(table)
    expect(path.basename(metadataLocation)).toBe('v4.metadata.json')
    expect(metadata['metadata-log'].map((entry) => path.basename(entry['metadata-file']))).toEqual([
      'v2.metadata.json',
      'v3.metadata.json',
    ])
    expect(metadata['table-uuid']).toBe(loaded.metadata['table-uuid'])
    expect(fs.readdirSync(metadataFolder(folder)).sort()).toEqual([
      'v1.metadata.json',
      'v2.metadata.json',
      'v3.metadata.json',
      'v4.metadata.json',
      'version-hint.text',
    ])
    await expect(
      catalog.commit(table, [{ type: 'assert-properties', properties: { a: null } }], set('d')),
    ).rejects.toThrow('farm.tracts  its property a is x, none was expected')
  })

  it.each<[string, (metadata: string) => void]>([
    ['stale', (metadata) => fs.writeFileSync(`${metadata}/version-hint.text`, '1')],
    ['gone', (metadata) => fs.rmSync(`${metadata}/version-hint.text`)],
    ['of another kind', (metadata) => fs.writeFileSync(`${metadata}/version-hint.text`, 'c0ffee\n')],
    ['ahead', (metadata) => fs.writeFileSync(`${metadata}/version-hint.text`, '99')],
  ])('goes on from the last version when the hint is %s', async (_, damage) => {
    const { catalog, folder } = await lakeWith()
    await catalog.commit(table, [], set('a'))
    await catalog.commit(table, [], set('b'))
    damage(metadataFolder(folder))
    fs.writeFileSync(`${metadataFolder(folder)}/.version-hint.text.crc`, 'Hadoop’s')
    const { metadata, metadataLocation } = await catalog.commit(table, [], set('c'))
    expect([path.basename(metadataLocation), Object.keys(metadata.properties)]).toEqual([
      'v4.metadata.json',
      ['a', 'b', 'c'],
    ])
    expect((await catalog.load(table)).metadata).toEqual(metadata)
    const hint = fs.readFileSync(`${metadataFolder(folder)}/version-hint.text`, 'utf8')
    expect([hint, fs.existsSync(`${metadataFolder(folder)}/.version-hint.text.crc`)]).toEqual(['4', false])
  })

  it('reads what others zipped, and paths with a scheme', async () => {
    const { catalog, folder } = await lakeWith()
    const first = fs.readFileSync(`${metadataFolder(folder)}/v1.metadata.json`, 'utf8')
    const location = path.join(folder, 'farm/tracts')
    fs.writeFileSync(
      `${metadataFolder(folder)}/v2.gz.metadata.json`,
      gzipSync(first.replace(`"location":"${location}"`, `"location":"file:${location}"`)),
    )
    const snapshot = await append(catalog, dataFile(folder))
    expect(snapshot['manifest-list']).toMatch(`file:${location}/metadata/snap-`)
    const { metadata, metadataLocation } = await catalog.load(table)
    expect(metadataLocation).toBe(`file:${location}/metadata/v3.metadata.json`)
    expect(await liveFiles(metadata, snapshot['snapshot-id'])).toHaveLength(1)
  })

  it('removes old versions where the table asks for it, and nobody can commit on top of one that is gone', async () => {
    const asked = { 'write.metadata.delete-after-commit.enabled': 'true', 'write.metadata.previous-versions-max': '1' }
    const { catalog, folder, loaded: first } = await lakeWith(definition([], asked))
    for (const key of ['a', 'b', 'c', 'd']) await catalog.commit(table, [], set(key))
    const left = fs.readdirSync(metadataFolder(folder)).filter((name) => name.startsWith('v') && name.endsWith('.json'))
    expect(left.sort()).toEqual(['v4.metadata.json', 'v5.metadata.json'])
    // A writer that slept since the first version finds the name of the second one free.
    const tables = path.join(folder, 'farm/tracts')
    expect(await writeVersion(tables, first, first.metadata)).toBeNull()
    expect(fs.existsSync(`${metadataFolder(folder)}/v2.metadata.json`)).toBe(false)
    expect(path.basename((await catalog.load(table)).metadataLocation)).toBe('v5.metadata.json')
  })

  it('says of a table that was copied that it is another’s', async () => {
    const { catalog, folder } = await lakeWith()
    fs.cpSync(path.join(folder, 'farm/tracts'), path.join(folder, 'farm/copy'), { recursive: true })
    await expect(catalog.load({ ...table, name: 'copy' })).rejects.toThrow(
      /farm\/copy {2}this table says that it lies at .*farm\/tracts\. A table of Iceberg cannot be copied/,
    )
  })

  it('names the metadata file that is damaged', async () => {
    const { catalog, folder } = await lakeWith()
    const file = `${metadataFolder(folder)}/v1.metadata.json`
    fs.truncateSync(file, 100)
    await expect(catalog.load(table)).rejects.toThrow(`${file}  this is no valid JSON`)
    await expect(catalog.commit(table, [], set('a'))).rejects.toThrow(file)
  })
})

describe('writers', () => {
  it('lose nothing when eight processes make 1,000 commits at once', async () => {
    const { catalog, folder } = await lakeWith()
    const [writers, commits] = [8, 125]
    const codes = await Promise.all(
      Array.from({ length: writers }, (_, writer) => {
        const child = spawn(
          process.execPath,
          [jiti, script('racing-writer.ts'), folder, String(writer), String(commits)],
          { stdio: ['ignore', 'inherit', 'inherit'] },
        )
        return new Promise((resolve) => child.on('close', resolve))
      }),
    )
    expect(codes).toEqual(Array.from({ length: writers }, () => 0))
    const { metadata, metadataLocation } = await catalog.load(table)
    expect(path.basename(metadataLocation)).toBe(`v${1 + writers * commits}.metadata.json`)
    const head = metadata['current-snapshot-id'] as bigint
    const marks = [...Object.keys(metadata.properties), ...ancestors(metadata, head).map(({ summary }) => summary.mark)]
    const expected = Array.from(
      { length: writers * commits },
      (_, index) => `${Math.floor(index / commits)}-${index % commits}`,
    )
    expect(marks.sort()).toEqual(expected.sort())
    const files = await liveFiles(metadata, head)
    expect(new Set(files.map((file) => file.file_path)).size).toBe(metadata.snapshots.length)
    expect(metadata.snapshots.at(-1)?.summary['total-data-files']).toBe(String(files.length))
    expect(metadata.snapshots.map((snapshot) => snapshot['sequence-number'])).toEqual(
      metadata.snapshots.map((_, index) => index + 1),
    )
    fs.rmSync(folder, { recursive: true })
  })

  it.each([
    ['before', 0],
    ['after', 1],
  ])('that are killed just %s the decision leave the old state or the new one', async (moment, snapshots) => {
    const { catalog, folder } = await lakeWith()
    const ended = spawnSync(process.execPath, [jiti, script('killed-writer.ts'), folder, moment], { encoding: 'utf8' })
    expect([ended.signal, ended.stderr]).toEqual(['SIGKILL', expect.any(String)])
    const { metadata } = await catalog.load(table)
    expect(metadata.snapshots).toHaveLength(snapshots)
    const next = await append(catalog, dataFile(folder))
    expect(await liveFiles((await catalog.load(table)).metadata, next['snapshot-id'])).toHaveLength(snapshots + 1)
  })
})
