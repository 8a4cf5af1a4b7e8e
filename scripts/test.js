// `npm test`: installs what the tests need, then format and lint, types, layout, and the tests. Ends with a count.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepare, root, step } from './prepare.js'

const filters = process.argv.slice(2)
prepare()
if (filters.length === 0) {
  step('bash', [`${root}scripts/spark-venv.sh`])
  step('bash', [`${root}scripts/interop-tools.sh`])
  step('bash', [`${root}scripts/service-models.sh`])
  step('bash', [`${root}scripts/trino.sh`])
}

const checks = [
  ['format and lint', [`${root}node_modules/@biomejs/biome/bin/biome`, 'check', '--error-on-warnings']],
  ['types', [`${root}node_modules/typescript/bin/tsc`, '-p', root]],
]
let passed = 0
let failed = 0
let skipped = 0
for (const [name, args] of filters.length === 0 ? checks : []) {
  const isGood = spawnSync(process.execPath, args, { stdio: 'inherit', cwd: root }).status === 0
  process.stdout.write(`${isGood ? '✓' : '✗'} ${name}\n`)
  if (isGood) passed += 1
  else failed += 1
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
const report = join(folder, 'report.json')
const vitest = [`${root}node_modules/vitest/vitest.mjs`, 'run', ...filters]
const { status } = spawnSync(
  process.execPath,
  [...vitest, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
  {
    stdio: 'inherit',
    cwd: root,
    // A missing expected file is an error in CI, and the tests' own roots never come from the outside.
    env: { ...process.env, MILLRACE_ROOT: '', MILLRACE_CONFIG: '' },
  },
)
try {
  const result = JSON.parse(readFileSync(report, 'utf8'))
  passed += result.numPassedTests
  failed += result.numFailedTests
  skipped += result.numPendingTests + result.numTodoTests
  for (const file of result.testResults) {
    // A file that could not even be loaded counts as one failure.
    if (file.status === 'failed' && file.assertionResults.length === 0) failed += 1
    for (const test of file.assertionResults)
      if (['pending', 'skipped', 'todo'].includes(test.status)) process.stdout.write(`skipped: ${test.fullName}\n`)
  }
} catch {
  failed += 1
}
rmSync(folder, { recursive: true, force: true })
if (status !== 0 && failed === 0) failed += 1
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`)
process.exit(failed === 0 ? 0 : 1)
