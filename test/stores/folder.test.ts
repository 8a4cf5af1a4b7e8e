/** A folder as a store: what must hold for any store. */
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hasCode } from '../../src/errors.ts'
import { listNumbers, numberedPath } from '../../src/run/numbered.ts'
import folderStore, { draftsFolder } from '../../src/stores/folder.ts'

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-store-'))
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))
const store = folderStore(root)

describe('a folder store', () => {
  it.each(['../x', 'a/../../x', '/etc/passwd', 'a/..', 'a\0b'])('refuses %j, which leaves the root', async (name) => {
    expect(() => store.locate(name)).toThrow(/leaves the storage root/)
    await expect(store.read(name)).rejects.toThrow(/leaves the storage root/)
    await expect(store.remove(name)).rejects.toThrow(/leaves the storage root/)
    await expect(store.replace(name, '')).rejects.toThrow(/leaves the storage root/)
  })

  it.each(["it's", 'a b', 'new\nline', 'ünï', 'st*r', '[1]', 'pct%20', '"quoted"'])(
    'takes the name %j to the letter',
    async (name) => {
      await store.replace(`names/${name}/file`, name)
      expect(await store.readText(`names/${name}/file`)).toBe(name)
      expect((await store.list('names')).folders).toContain(name)
      await store.remove(`names/${name}`)
      expect(await store.kind(`names/${name}`)).toBe('missing')
    },
  )

  it('creates a file once, of many that try at the same time', async () => {
    const tries = Array.from({ length: 50 }, (_, index) => store.createExclusive('once/file', `${index}`))
    const ends = await Promise.allSettled(tries)
    const lost = ends.filter((end) => end.status === 'rejected')
    expect(ends.length - lost.length).toBe(1)
    expect(lost.every(({ reason }) => hasCode(reason, 'exists'))).toBe(true)
    expect(await store.readText('once/file')).toBe(String(ends.findIndex(({ status }) => status === 'fulfilled')))
    expect((await store.list(draftsFolder)).files).toEqual([])
  })

  it('moves folders, never over what is there', async () => {
    await store.replace('move/a/file', 'a')
    await store.replace('move/b/file', 'b')
    await expect(store.move('move/a', 'move/b')).rejects.toThrow(/exists already/)
    await store.move('move/a', 'move/deep/er/a')
    expect(await store.readText('move/deep/er/a/file')).toBe('a')
    expect(await store.readText('move/b/file')).toBe('b')
  })

  it('lists files with their sizes and folders, in order of their names', async () => {
    for (const name of ['b', 'a', 'c/inner']) await store.replace(`list/${name}`, name)
    expect(await store.list('list')).toEqual({
      files: [
        { path: 'list/a', bytes: 1, modifiedMs: expect.any(Number) },
        { path: 'list/b', bytes: 1, modifiedMs: expect.any(Number) },
      ],
      folders: ['c'],
      unnamed: [],
    })
    expect(await store.list('not/there')).toEqual({ files: [], folders: [], unnamed: [] })
  })

  it('reads a part of a file and appends to its end', async () => {
    await store.append('log/lines', 'one\n')
    await store.append('log/lines', 'two\n')
    expect(Buffer.from(await store.readRange('log/lines', 4, 7)).toString()).toBe('two')
    expect(Buffer.from(await store.readRange('log/lines', 4, 100)).toString()).toBe('two\n')
  })

  it('says where a file is missing', async () => {
    await expect(store.read('not/there')).rejects.toThrow(/not\/there {2}.*ENOENT/)
  })
})

describe('numbered files', () => {
  it('are listed by number; other names do not count', async () => {
    for (const number of [2, 10, 1]) await store.createExclusive(numberedPath('numbers', number), '{}')
    await store.replace('numbers/notes.json', '{}')
    await store.replace('numbers/00000011.json.bak', '{}')
    expect(await listNumbers(store, 'numbers')).toEqual([1, 2, 10])
  })
})
