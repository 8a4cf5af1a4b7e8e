// `npm run soak`: the crash tests with 200 kills instead of 20. MILLRACE_KILLS and MILLRACE_SEED change number and seed.
import { prepare, root, step } from './prepare.js'

prepare()
const env = { MILLRACE_KILLS: '200', MILLRACE_ROOT: '', MILLRACE_CONFIG: '', ...process.env }
const tests = [
  'test/crash/kill',
  'test/crash/carsdm',
  'test/crash/flywheel',
  'test/crash/farm-records',
  'test/crash/iceberg',
]
step(process.execPath, [`${root}node_modules/vitest/vitest.mjs`, 'run', ...tests, '--testTimeout=3600000'], { env })
