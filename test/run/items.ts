/** Roots of a test file, and what lands for a small table ITEM. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import * as path from 'node:path'
import { afterAll } from 'vitest'
import { cdc, load } from '../systems/carsdm/landing.ts'

/** Makes roots, which go at the end of the test file. */
export function temporaryRoots(name: string): () => string {
  const roots: string[] = []
  afterAll(() => {
    for (const root of roots) fs.rmSync(root, { recursive: true, force: true })
  })
  return () => {
    const root = fs.mkdtempSync(path.join(tmpdir(), `millrace-${name}-`))
    roots.push(root)
    return root
  }
}

export const changes = 'Op string, id int, name string, dms_commit_ts timestamp'
export const first = load(1, 'id int, name string', [1, 'one'], [2, 'two'])
export const second = cdc(8, changes, ['U', 1, 'uno', '2025-11-03 07:59:00'], ['I', 3, 'tres', '2025-11-03 07:59:30'])
export const third = cdc(9, changes, ['D', 1, null, '2025-11-03 08:30:00'], ['U', 3, 'drei', '2025-11-03 08:31:00'])
