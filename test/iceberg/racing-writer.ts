/** One of several processes that write to one table at the same time: `<folder> <writer> <commits>`. Every fifth commit appends a file, the others set a property of their own. */
import { folderCatalog } from '../../src/iceberg/folder-catalog.ts'
import { commitSnapshot } from '../../src/iceberg/snapshots.ts'
import { change, dataFile, table } from './listed-files.ts'

const [folder = '', writer, commits] = process.argv.slice(2)
const catalog = folderCatalog(folder)
for (let number = 0; number < Number(commits); number += 1) {
  const mark = `${writer}-${number}`
  if (number % 5 > 0) await catalog.commit(table, [], [{ action: 'set-properties', updates: { [mark]: '' } }])
  else await commitSnapshot(catalog, table, change(null, { added: [dataFile(folder)], summary: { mark } }))
}
