/** Reads the files that a pipeline's definition names. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { Read } from '../define/pipeline.ts'
import { MillraceError, messageOf, systemCode } from '../errors.ts'

/** A reader of text files; paths are relative to the folder. Throws `usage` for a file that cannot be read. */
export function definitionReader(folder: string): Read {
  return async (file) => {
    const found = typeof file === 'string' ? path.resolve(folder, file) : file
    try {
      return await fs.promises.readFile(found, 'utf8')
    } catch (error) {
      const reason = systemCode(error) === 'ENOENT' ? `there is no such file (looked at ${found})` : messageOf(error)
      throw new MillraceError('usage', `${file}  cannot be read: ${reason}`, { cause: error })
    }
  }
}
