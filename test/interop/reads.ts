/** Every kind of table, read by everyone. */
import { beforeAll, describe, expect, it } from 'vitest'
import { comparable } from './canonical.ts'
import { type Made, type ReadCase, readCases } from './cases.ts'
import type { Rows } from './driver.ts'
import { evolutionCases } from './evolution.ts'
import type { Findings } from './findings.ts'
import { type Reader, readers } from './readers.ts'
import type { Tools } from './tools.ts'
import type { World } from './world.ts'

export function readSuite(world: () => World, tools: Tools, findings: Findings): void {
  const whole = new Map<string, Promise<Rows>>()
  for (const readCase of [...readCases, ...evolutionCases])
    describe(`${readCase.group}: ${readCase.name}`, () => {
      let made: Made
      beforeAll(async () => {
        made = await readCase.make(world())
      })
      for (const reader of readers) {
        const missing = reader.needs === undefined ? undefined : tools[`${reader.needs}Missing`]
        it.skipIf(missing !== undefined)(
          `is read by ${reader.name}${missing === undefined ? '' : ` (skipped: ${missing})`}`,
          async () => {
            const unable = readCase.unable?.[reader.name]
            const wrong = readCase.wrong?.[reader.name]
            if (wrong !== undefined) await readOther(reader, readCase, wrong)
            else if (unable === undefined) await readEqual(reader, readCase)
            else await readFails(reader, readCase, unable)
          },
        )
      }

      async function readEqual(reader: Reader, { group, name }: ReadCase): Promise<void> {
        const rows = await read(reader)
        findings.note(group, name, reader.name, 'differs')
        expect(comparable(only(rows))).toEqual(comparable(only(made.expected)))
        findings.note(group, name, reader.name, 'equal')
      }

      async function readFails(reader: Reader, { group, name }: ReadCase, unable: RegExp): Promise<void> {
        await expect(read(reader)).rejects.toThrow(unable)
        findings.note(group, name, reader.name, 'cannot')
      }

      async function readOther(reader: Reader, { group, name }: ReadCase, wrong: string): Promise<void> {
        const rows = await read(reader)
        expect(comparable(only(rows))).not.toEqual(comparable(only(made.expected)))
        findings.note(group, name, reader.name, wrong)
      }

      function read(reader: Reader): Promise<Rows> {
        if (made.column === undefined) return reader.read(world(), made.subject, made.at ?? {})
        const key = `${reader.name} ${made.subject.name}`
        const rows = whole.get(key) ?? reader.read(world(), made.subject, {})
        whole.set(key, rows)
        return rows
      }

      function only(rows: Rows): Rows {
        if (made.column === undefined) return rows
        const kept = ['id', made.column].map((column) => rows.columns.indexOf(column))
        return { columns: ['id', made.column], rows: rows.rows.map((row) => kept.map((index) => row[index])) }
      }
    })
}
