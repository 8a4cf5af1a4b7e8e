/** A process that merges one round into the table of iceberg.test.ts: `<folder> <round>`. Says on stderr when it begins. */
import { openWarehouse } from '../../src/iceberg/warehouse.ts'
import { roundSource, tableName } from './iceberg-rounds.ts'

const [folder = '', round] = process.argv.slice(2)
const warehouse = await openWarehouse(folder, { memoryBytes: 2 ** 30, threads: 2 })
const table = await warehouse.table(tableName)
process.stderr.write('merging\n')
await table.merge({ ...roundSource(Number(round)), properties: { round: String(round) } })
if (Number(round) % 3 === 0) await table.compact()
warehouse.close()
