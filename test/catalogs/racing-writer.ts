/** Adds, describes anew and removes partitions of one table beside other processes. Arguments: the root, a name, how many. */
import localGlueCatalog from '../../src/catalogs/local-glue-catalog.ts'
import folderStore from '../../src/stores/folder.ts'
import { partitionOf } from './suite-values.ts'

const [root = '', name = '', count = '0'] = process.argv.slice(2)
const catalog = localGlueCatalog(folderStore(root))
for (let number = 0; number < Number(count); number += 1) {
  const errors = await catalog.createPartitions('db', 't', [partitionOf(`${name}-${number}`)])
  if (errors.length > 0) throw new Error(JSON.stringify(errors))
}
