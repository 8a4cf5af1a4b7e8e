// Uses the embedded process control as a run does, telling what it has done. Arguments: the folder, the run, what to do:
// `hold` keeps the database open, `wait` stands still with the row In Progress, `loop` goes on with runs <run>-0, <run>-1 …
import { processControl } from '../../dist/index.js'

const [folder, run, action] = process.argv.slice(2)
const control = processControl({ folder })
const tell = (word, value) => process.stderr.write(`${JSON.stringify({ word, value })}\n`)
const still = () => new Promise((resolve) => setTimeout(resolve, 600_000))
const job = (name) => ({ pipeline: 'carsdm', stateMachine: 'machine', run: name, deadRuns: async () => [] })

if (action === 'hold') {
  await control.check()
  tell('holds')
  await still()
}
if (action === 'wait') {
  tell('started', await control.start(job(run)))
  await still()
}
for (let turn = 0; action === 'loop'; turn += 1) {
  const id = await control.start(job(`${run}-${turn}`))
  tell('started', id)
  await control.end(id, 'Complete', null)
  tell('ended', id)
}
