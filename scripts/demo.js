// `npm run demo`: installs, builds, and shows every system on sample data.
import { prepare, root, step } from './prepare.js'

prepare()
step(process.execPath, [`${root}bin/millrace.js`, 'demo', ...process.argv.slice(2)])
