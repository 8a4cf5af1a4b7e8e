/**
 * Millrace's Iceberg tables beside Spark, PyIceberg and DuckDB's own extension: whatever one writes, all the others read. One
 * file, because Spark takes long to start.
 */
import * as fs from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { catalogSuite } from './catalog-uses.ts'
import { filterSuite } from './filters.ts'
import { makeFindings } from './findings.ts'
import { foreignSuite } from './foreign.ts'
import { raceSuite } from './races.ts'
import { readSuite } from './reads.ts'
import { sparkWriteSuite } from './spark-writes.ts'
import { findTools } from './tools.ts'
import { turnSuite } from './turns.ts'
import { makeWorld, type World } from './world.ts'

const tools = await findTools()
const findings = makeFindings()
let made: World | undefined
const world = (): World => {
  if (made === undefined) throw new Error('the world is not made yet')
  return made
}

beforeAll(async () => {
  made = await makeWorld(tools)
})
afterAll(() => made?.close())

readSuite(world, tools, findings)
filterSuite(world, tools, findings)
sparkWriteSuite(world, tools, findings)
foreignSuite(world, tools, findings)
catalogSuite(world, tools, findings)
turnSuite(world, tools, findings)
raceSuite(world, tools, findings)

const skip = tools.sparkMissing ?? tools.pythonMissing
it.skipIf(skip !== undefined)(
  `docs/iceberg-matrix.md says what was found${skip === undefined ? '' : ` (skipped: ${skip})`}`,
  () => {
    const file = fileURLToPath(new URL('../../docs/iceberg-matrix.md', import.meta.url))
    const before = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
    if (process.env.CI === undefined) fs.writeFileSync(file, findings.page())
    else expect(before).toEqual(findings.page())
  },
)
