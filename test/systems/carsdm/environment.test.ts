/** The environments that ship, the names of what is deployed, and every error of an environment's file by name. */
import * as fs from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../../src/errors.ts'
import {
  crawlerName,
  environmentNames,
  parseEnvironment,
  readEnvironment,
  resourceName,
  stateMachineName,
} from '../../../systems/carsdm/environment.ts'

const folder = new URL('../../../systems/carsdm/config/', import.meta.url)
const prod = JSON.parse(fs.readFileSync(new URL('prod.json', folder), 'utf8')) as Record<string, unknown>

const load = (name: string) => readEnvironment(name, async (file) => fs.readFileSync(file, 'utf8'))

/** What is said about the production file with some keys changed; those that are undefined are left out. */
function refused(changes: Record<string, unknown>): string {
  try {
    parseEnvironment('prod', JSON.stringify({ ...prod, ...changes }))
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError)
    expect((error as MillraceError).code).toBe('usage')
    return (error as Error).message
  }
  throw new Error(`accepted: ${JSON.stringify(changes)}`)
}

describe('the environments that ship', () => {
  it('are the files of the folder', () => {
    expect(fs.readdirSync(folder).sort()).toEqual(environmentNames.map((name) => `${name}.json`).sort())
  })

  it.each([
    ['dev', 'FPACDEV', '111111111111', 'c108-dev-fpacfsa-landing-zone', 'c108-dev-fpacfsa-final-zone'],
    ['steam-dev', 'steam-dev', '222222222222', 'punkdev-fpacfsa-landing-zone', 'punkdev-fpacfsa-final-zone'],
    ['cert', 'CERT', '444444444444', 'c108-cert-fpacfsa-landing-zone', 'c108-cert-fpacfsa-final-zone'],
    ['prod', 'PROD', '333333333333', 'c108-prod-fpacfsa-landing-zone', 'c108-prod-fpacfsa-final-zone'],
  ])('%s', async (name, deployEnv, account, landingBucket, finalBucket) => {
    const environment = await load(name)
    expect(environment).toMatchObject({ deployEnv, account, landingBucket, finalBucket, artifactPrefix: 'carsdm/' })
    expect(environment).toMatchObject({ workerType: 'G.4X', workerCount: 2, autoScaling: true, timeoutMinutes: 480 })
    expect(environment.processControlConnections).toHaveLength(name === 'prod' ? 2 : 1)
  })

  it('have names for what is deployed', async () => {
    const environment = await load('prod')
    expect(resourceName(environment, 'LandingFiles')).toBe('FSA-PROD-CARSDM-LandingFiles')
    expect(crawlerName(environment, 'CARS-CRAWLER')).toBe('FSA-PROD-CARS-CRAWLER')
    expect(crawlerName(await load('steam-dev'), 'CARS-cdc')).toBe('FSA-steam-dev-CARS-cdc')
    expect(stateMachineName(await load('dev'))).toBe('FSA-FPACDEV-CARSDM-Cars-S3Landing-to-S3Final-Raw-DM')
  })

  it('are named when another is asked for', async () => {
    await expect(load('production')).rejects.toThrow('expected one of dev, steam-dev, cert, prod')
    await expect(load('steamdev')).rejects.toThrow('did you mean steam-dev?')
    await expect(load('../config/prod')).rejects.toThrow('there is no environment')
  })
})

describe('errors name', () => {
  it.each(Object.keys(prod))('the missing key %s', (key) => {
    expect(refused({ [key]: undefined })).toMatch(
      new RegExp(`^config/prod\\.json  key "${key}" is missing; expected [^\\n]+$`),
    )
  })

  it('an unknown key, with the nearest', () => {
    expect(refused({ landingBuckt: 'x' })).toBe(
      'config/prod.json  key "landingBuckt" is not known; did you mean landingBucket?',
    )
    expect(refused({ colour: 'x' })).toContain('key "colour" is not known; expected deployEnv, account, ')
  })

  it('both keys when one is misspelt', () => {
    const lines = refused({ workerCount: undefined, workercounts: 2 }).split('\n')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toContain('"workerCount" is missing')
    expect(lines[1]).toContain('"workercounts" is not known; did you mean workerCount?')
  })

  it.each([
    ['deployEnv', 'PROD_1'],
    ['deployEnv', 'FAR-TOO-LONG-A-NAME'],
    ['account', 333333333333],
    ['account', '33333'],
    ['region', 'Virginia'],
    ['landingBucket', 's3://bucket'],
    ['artifactPrefix', 'carsdm'],
    ['sourcePrefix', '/cars/'],
    ['sourcePrefix', '..'],
    ['tempPath', 'temp/glue/'],
    ['processControlConnections', []],
    ['processControlConnections', 'FSA-PROD-PG-DART115'],
    ['glueRole', 'disc-fsa-prod-glue-servicerole'],
    ['workerType', 'G.3X'],
    ['workerCount', '2'],
    ['workerCount', 1],
    ['autoScaling', 'true'],
    ['glueVersion', 4],
    ['timeoutMinutes', 0.5],
    ['timeoutMinutes', { minutes: 480 }],
    ['tempPath', null],
  ])('a wrong value of %s: %j', (key, value) => {
    const found =
      value !== null && typeof value === 'object' && !Array.isArray(value) ? 'an object' : JSON.stringify(value)
    const text = refused({ [key]: value })
    expect(text.startsWith(`config/prod.json  key "${key}": ${found} is refused; expected `)).toBe(true)
    expect(text.split('\n')).toHaveLength(1)
  })

  it('the item of a list', () => {
    expect(refused({ processControlConnections: ['FSA-PROD-PG-DART115', 7] })).toContain(
      'key "processControlConnections": 7 is refused; expected a connection such as',
    )
  })

  it('a role of another account', () => {
    expect(refused({ lambdaRole: 'arn:aws:iam::111111111111:role/disc-fsa-dev-lambda-servicerole' })).toContain(
      'key "lambdaRole": "arn:aws:iam::111111111111:role/disc-fsa-dev-lambda-servicerole" is refused; expected a role of the account 333333333333',
    )
  })

  it('the place of bad JSON and a doubled key', () => {
    expect(() => parseEnvironment('cert', '{"deployEnv": CERT}')).toThrow(
      'config/cert.json:1:15  found "CERT", expected a value',
    )
    expect(() => parseEnvironment('cert', '[]')).toThrow('config/cert.json  expected an object')
    expect(() => parseEnvironment('cert', '{"account": "1", "account": "2"}')).toThrow(
      ':1:18  found "account", expected each key once',
    )
  })
})
