/** `catalog serve`: the Iceberg tables of a root for other programs. */
import { once } from 'node:events'
import { didYouMean, MillraceError, messageOf } from '../../errors.ts'
import { type Command, type CommandContext, openStore } from '../context.ts'

const portDefault = 8181 // what examples of REST catalogs use

export const catalogCommand: Command = {
  name: 'catalog',
  usage: 'catalog <serve>',
  summary: 'serve: an Iceberg REST catalog over the tables of a root, for Spark, Trino, PyIceberg and DuckDB',
  flags: [
    {
      name: 'port',
      value: 'N',
      text: `where to listen, on this machine only (default ${portDefault}; 0: any free one)`,
    },
  ],
  run: async (context) => {
    const [action] = context.positionals
    if (action !== 'serve') {
      const what = action === undefined ? 'what shall the catalog do?' : `the catalog cannot ${action}`
      throw new MillraceError('usage', `${what} (serve)${action === undefined ? '' : didYouMean(action, ['serve'])}`)
    }
    const port = portOf(context)
    const store = await openStore(context, false)
    const [{ folderCatalog }, { serveCatalog }] = await Promise.all([
      import('../../iceberg/folder-catalog.ts'),
      import('../../iceberg/rest-server.ts'),
    ])
    const { stderr, signal } = context.environment
    const server = await serveCatalog(folderCatalog(store.locate('iceberg')), {
      port,
      onError: (error) => stderr.write(`millrace: ${messageOf(error)}\n`),
    })
    context.data({ url: server.url }, () => server.url)
    if (!context.isQuiet) stderr.write(`serving ${store.locate('iceberg')} until Ctrl-C\n`)
    if (!signal.aborted) await once(signal, 'abort')
    await server.close()
    return 0
  },
}

function portOf({ flags }: CommandContext): number {
  const text = flags.get('port') ?? String(portDefault)
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new MillraceError('usage', `--port ${text} is refused: expected a whole number from 0 to 65535`)
}
