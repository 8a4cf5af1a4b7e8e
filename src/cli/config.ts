/** Finds and reads `millrace.config.ts`. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { type Config, configKeys } from '../define/config.ts'
import { didYouMean, MillraceError, messageOf } from '../errors.ts'

const names = ['millrace.config.ts', 'millrace.config.js', 'millrace.config.mjs']

/**
 * The configuration named by a flag, or the one in the folder; empty where there is none. Throws `usage` for a file that
 * cannot be loaded and for a key that does not exist.
 */
export async function loadConfig(file: string | undefined, folder: string): Promise<Config> {
  const found =
    file === undefined
      ? names.map((name) => path.join(folder, name)).find((name) => fs.existsSync(name))
      : path.resolve(folder, file)
  if (found === undefined) return {}
  if (!fs.existsSync(found)) throw new MillraceError('usage', `--config ${file}  there is no such file`)
  const config = (await loadModule(found)) as Config
  for (const key of Object.keys(config)) {
    if (!(configKeys as readonly string[]).includes(key)) {
      throw new MillraceError(
        'usage',
        `${found}  there is no key ${key}${didYouMean(key, configKeys) || ` (${configKeys.join(', ')})`}`,
      )
    }
  }
  return config
}

/** The default export of a TypeScript or JavaScript file; Node 20 strips no types, so jiti does. */
export async function loadModule(file: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  try {
    return await createJiti(import.meta.url, { fsCache: false }).import(file, { default: true })
  } catch (error) {
    throw new MillraceError('usage', `${file}  cannot be loaded: ${messageOf(error)}`, { cause: error })
  }
}
