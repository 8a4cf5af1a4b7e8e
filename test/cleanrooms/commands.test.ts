/** `millrace cleanrooms` on a root whose catalog has `part_` tables with files. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parquetStorage } from '../../src/catalogs/glue-catalog.ts'
import localGlueCatalog from '../../src/catalogs/local-glue-catalog.ts'
import { sdkPackages } from '../../src/cleanrooms/account.ts'
import { takeLock } from '../../src/run/lock.ts'
import folderStore from '../../src/stores/folder.ts'
import { millrace } from '../cli.ts'
import { writeParquet } from './parquet.ts'
import { options } from './room.ts'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-rooms-cli-'))
const root = path.join(folder, 'lake')
const file = path.join(folder, 'rooms.json')
const rooms = async (action: string, ...flags: string[]) =>
  await millrace(['cleanrooms', action, '--root', root, '--definition', file, ...flags], { folder })

beforeAll(async () => {
  fs.writeFileSync(file, JSON.stringify(options))
  const catalog = localGlueCatalog(folderStore(root))
  await catalog.createDatabase({ Name: 'omc_dev' })
  for (const [name, codec] of [
    ['part_addressable_ids', 'snappy'],
    ['part_ibe_01_a', 'zstd'],
  ] as const) {
    const location = `split_part/${name}/snapshot_dt=2025-01-15/`
    await writeParquet(path.join(root, location, 'part-0.parquet'), codec)
    const storage = parquetStorage(`split_part/${name}/`, [
      { Name: 'customer_user_id', Type: 'string' },
      { Name: 'email', Type: 'string' },
    ])
    const PartitionKeys = [{ Name: 'snapshot_dt', Type: 'string' }]
    const table = { DatabaseName: 'omc_dev', Name: name, TableType: 'EXTERNAL_TABLE' as const, Parameters: {} }
    await catalog.createTable({ ...table, PartitionKeys, StorageDescriptor: storage })
    const StorageDescriptor = { ...storage, Location: location }
    await catalog.createPartitions('omc_dev', name, [{ Values: ['2025-01-15'], StorageDescriptor }])
  }
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

describe('millrace cleanrooms', () => {
  it('plans, applies, verifies, and changes nothing the second time', async () => {
    const planned = await rooms('plan')
    expect(planned.code).toBe(0)
    expect(planned.stderr).toMatch(/^sample, dev, us-east-1: the local account .*account\.json \(--account aws/)
    expect(planned.stderr.split('\n')).toHaveLength(2)
    expect(planned.stdout).toContain('+ association acx_part_ibe_01_a\n    configuredTable: part_ibe_01_a\n')
    expect(planned.stdout).toMatch(/\n13 to create\n$/)
    expect((await rooms('verify')).code).toBe(1)
    const applied = await rooms('apply')
    expect({ code: applied.code, last: applied.stdout.trim().split('\n').pop() }).toEqual({
      code: 0,
      last: '13 created',
    })
    const mapping = path.join(root, 'cleanrooms-schema-mappings/part_addressable_ids_er.json')
    expect(JSON.parse(fs.readFileSync(mapping, 'utf8'))).toEqual({
      schemaName: 'part_addressable_ids_er',
      description: 'part_addressable_ids, for Entity Resolution',
      mappedInputFields: [
        { fieldName: 'customer_user_id', type: 'UNIQUE_ID' },
        { fieldName: 'email', type: 'EMAIL_ADDRESS', matchKey: 'email' },
      ],
    })
    expect((await rooms('apply', '--quiet')).stdout).toBe('nothing to change\n')
    expect(await rooms('verify', '--quiet')).toEqual({ code: 0, stdout: 'nothing differs\n', stderr: '' })
    const json = await rooms('plan', '--json')
    expect(JSON.parse(json.stdout)).toEqual({ changes: [], unmanaged: [] })
  })

  it('applies twice at once, one after the other, while tables are registered', async () => {
    const lake = path.join(folder, 'busy')
    const catalog = localGlueCatalog(folderStore(lake))
    await catalog.createDatabase({ Name: 'omc_dev' })
    const register = async (name: string) =>
      await catalog.createTable({
        ...{ DatabaseName: 'omc_dev', Name: name, TableType: 'EXTERNAL_TABLE', PartitionKeys: [], Parameters: {} },
        StorageDescriptor: parquetStorage(`split_part/${name}/`, [
          { Name: 'customer_user_id', Type: 'string' },
          { Name: 'email', Type: 'string' },
        ]),
      })
    for (let at = 0; at < 6; at += 1) await register(`part_${at}`)
    const busy = async (action: string, ...flags: string[]) =>
      await millrace(['cleanrooms', action, '--root', lake, '--definition', file, ...flags], { folder })
    const applies = [busy('apply'), busy('apply'), busy('discover')]
    const registering = (async () => {
      for (let at = 6; at < 12; at += 1) await register(`part_${at}`)
    })()
    const ended = await Promise.all(applies)
    await registering
    expect(ended.map(({ code, stderr }) => ({ code, text: code === 0 ? '' : stderr }))).toEqual(
      Array(3).fill({ code: 0, text: '' }),
    )
    // What one has made the other finds: nothing is made twice, for nothing was lost.
    const created = ended.flatMap(({ stdout }) => stdout.split('\n').filter((line) => line.startsWith('+ ')))
    expect(created.length).toBeGreaterThanOrEqual(37)
    expect(new Set(created).size).toBe(created.length)
    expect(ended.map(({ stderr }) => stderr).join('')).toMatch(/waiting for cleanrooms (apply|discover) to end/)
    expect((await busy('apply')).code).toBe(0)
    expect(await busy('verify', '--quiet')).toEqual({ code: 0, stdout: 'nothing differs\n', stderr: '' })
    const lock = await takeLock(folderStore(lake), 'cleanrooms', 'a test', {
      waitMs: 0,
      signal: new AbortController().signal,
    })
    const refused = await busy('apply', '--wait', '0s')
    await lock.release()
    expect({ code: refused.code, text: refused.stderr }).toEqual({
      code: 1,
      text: expect.stringMatching(/cleanrooms is being run by a test .*--wait/),
    })
  })

  it('lints the codecs of the files', async () => {
    const { code, stdout } = await rooms('lint')
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /^error {2}table part_ibe_01_a {2}files compressed with ZSTD; Clean Rooms reads GZIP and Snappy {2}\[codec: /,
    )
    expect(stdout).toMatch(/\n1 error, 0 warnings\n$/)
  })

  it('reports: the table with a ZSTD file is not ready', async () => {
    const { code, stdout } = await rooms('report')
    expect(code).toBe(0)
    const [counts, ...files] = stdout.trim().split('\n')
    expect(counts).toMatch(/^2 tables, 2 configured, 2 associated, 1 ready for analysis/)
    for (const written of files) {
      expect(written).toMatch(
        /^cleanrooms-reports\/ACX_Cleanroom_Report_\d{8}_\d{6}(\.json|_Tables\.csv|_IdentityResolution\.csv)$/,
      )
      expect(fs.existsSync(path.join(root, written))).toBe(true)
    }
    expect(files).toHaveLength(3)
  })

  it('discovers a definition that it reads back', async () => {
    const { code, stdout } = await rooms('discover')
    expect(code).toBe(0)
    const [found] = stdout.split('\n')
    const again = await millrace(['cleanrooms', 'plan', '--root', root, '--definition', found as string, '--quiet'], {
      folder,
    })
    expect(again).toEqual({ code: 0, stdout: 'nothing differs\n', stderr: '' })
  })

  it('takes the definition of a pipeline', async () => {
    fs.mkdirSync(path.join(folder, 'node_modules'), { recursive: true })
    fs.symlinkSync(path.resolve(import.meta.dirname, '../..'), path.join(folder, 'node_modules/millrace'))
    const text = `import { defineCleanRooms, definePipeline, parquetTable, consolidate, datedFolder } from 'millrace'
      export default definePipeline({ name: 'mine', description: 'mine', params: {}, metrics: [], tasks: () => [],
        cleanRooms: defineCleanRooms(${JSON.stringify(options)}) })`
    fs.writeFileSync(path.join(folder, 'mine.ts'), text.replace(', parquetTable, consolidate, datedFolder', ''))
    const { code, stdout } = await millrace(
      ['cleanrooms', 'plan', path.join(folder, 'mine.ts'), '--root', root, '--quiet'],
      { folder },
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'nothing differs\n' })
  })

  it.each([
    [['cleanrooms', 'aply'], /clean rooms know no aply .*did you mean apply\?/],
    [['cleanrooms'], /what shall be done with the clean rooms\? \(plan, apply, verify, lint, report, discover\)/],
    [['cleanrooms', 'plan', '--account', 'gcp'], /--account gcp is refused: expected local or aws/],
    [['cleanrooms', 'plan', '--definition', 'none.json'], /none\.json {2}there is no such file/],
    [['cleanrooms', 'plan', 'chargebacks'], /pipeline chargebacks has no clean rooms; give --definition FILE/],
    [
      ['cleanrooms', 'plan', '--definition', file, '--env', 'prod'],
      /--env prod {2}clean rooms sample has no such environment \(dev\)/,
    ],
    [['cleanrooms', 'plan', '--definition', file, '--root', 'nowhere'], /there is no such folder/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await millrace(args, { folder })
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })

  it('says what to install where the AWS SDK is missing', async () => {
    const hook = `export async function resolve(name, context, next) {
      if (!name.startsWith('@aws-sdk/')) return await next(name, context)
      throw Object.assign(new Error('Cannot find package ' + name), { code: 'ERR_MODULE_NOT_FOUND' })
    }`
    fs.writeFileSync(path.join(folder, 'hook.mjs'), hook)
    const register = `import { register } from 'node:module'; register(${JSON.stringify(pathToFileURL(path.join(folder, 'hook.mjs')).href)})`
    fs.writeFileSync(path.join(folder, 'register.mjs'), register)
    const variables = { NODE_OPTIONS: `--import ${path.join(folder, 'register.mjs')}` }
    const { code, stderr } = await millrace(['cleanrooms', 'plan', '--root', root, '--definition', file], {
      folder,
      variables,
    })
    expect(code).toBe(1)
    expect(stderr).toContain(`are not installed. Run: npm install ${sdkPackages.join(' ')}\n`)
    const manifest = JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    const wanted = Object.entries(manifest.optionalDependencies).map(([name, version]) => `${name}@${version}`)
    expect(wanted.filter((name) => name.startsWith('@aws-sdk/'))).toEqual(expect.arrayContaining(sdkPackages))
  })

  it('does not find credentials for the real account, and says so without a network', async () => {
    const nobody = {
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/nonexistent',
      AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
    }
    const { code, stderr } = await millrace(
      ['cleanrooms', 'plan', '--root', root, '--definition', file, '--account', 'aws'],
      { folder, variables: { ...nobody, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_PROFILE: '' } },
    )
    expect(code).toBe(1)
    expect(stderr).toContain('No AWS credentials were found; sign in, or use --account local')
  })
})
