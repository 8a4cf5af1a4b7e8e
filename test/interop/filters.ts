/** Filters that readers use to skip files, by Millrace's bounds and by its partitions: no row may be lost. */
import { beforeAll, describe, expect, it } from 'vitest'
import { seededRandom, testSeed } from '../random.ts'
import { partitionedTypes, partitionTerm } from './cases.ts'
import {
  type Engine,
  type Filter,
  type FilteredColumn,
  fileCount,
  filteredColumns,
  filtersOf,
  rowsPerFile,
} from './filter-columns.ts'
import type { Findings } from './findings.ts'
import { metadataFile } from './readers.ts'
import { makeSubject, type Subject } from './subject.ts'
import type { Tools } from './tools.ts'
import type { World } from './world.ts'

const filtersPerColumn = 8
const filtersPerPartition = 3

/** Defects of DuckDB's extension 1.5.5, of Spark's tables too: a column and a row of file 3 that show them. */
const duckDefects: Record<string, { column: string; says: string }> = {
  day: { column: 'c_timestamptz', says: 'loses rows before 1970' },
  month: { column: 'c_timestamp', says: 'loses rows before 1970' },
  'truncate(3, …)': { column: 'c_decimal9', says: 'fails below zero' },
}

/** A filter of a column, in every engine's words. */
type Asked = { column: FilteredColumn; filter: Filter }

export function filterSuite(world: () => World, tools: Tools, findings: Findings): void {
  const random = seededRandom(testSeed())
  describe('filters at the bounds of files', () => {
    let subject: Subject
    beforeAll(async () => {
      subject = await filledSubject(world(), 'filters.bounds', filteredColumns, [])
      await subject.delete('id % 100 = 3', 'merge-on-read')
    })
    for (const column of filteredColumns) {
      const asked = filtersOf(column, random, filtersPerColumn).map((filter) => ({ column, filter }))
      eachReader(column.type, 'filters', () => subject, asked)
    }
    it.skipIf(tools.pythonMissing !== undefined)('leave PyIceberg one file of eight for a value of one', async () => {
      const bounded = filteredColumns.filter(
        ({ type, literal }) => type !== 'boolean' && literal.pyiceberg !== undefined,
      )
      const filters = bounded.map(({ name, text, literal }) => `${name} == ${literal.pyiceberg?.(text(5, 2))}`)
      const metadata = await metadataFile(world(), subject.name)
      const files = await world().python.ask<number[]>('planned', { metadata, filters })
      // DuckDB gives no bounds of a file in which a number is NaN: that file stays.
      const wanted = bounded.map(({ type }) => (type === 'float' || type === 'double' ? 2 : 1))
      const lines = (counts: number[]): string[] => filters.map((filter, index) => `${filter}: ${counts[index]}`)
      expect(lines(files)).toEqual(lines(wanted))
    })
  })
  for (const { transform, of } of partitionedTypes)
    describe(`filters of tables partitioned by ${transform}`, () => {
      let subject: Subject
      const columns = filteredColumns.filter(({ type }) => of.includes(type))
      beforeAll(async () => {
        const partitionBy = columns.map(({ name }) => partitionTerm(transform, name))
        subject = await filledSubject(world(), `filters.by_${transform.replace(/\W.*/, '')}`, columns, partitionBy)
      })
      const asked: Asked[] = columns.flatMap((column) =>
        filtersOf(column, random, filtersPerPartition).map((filter) => ({ column, filter })),
      )
      eachReader(transform, 'filters of partitions', () => subject, asked)
    })

  function eachReader(name: string, group: string, subject: () => Subject, all: Asked[]): void {
    const check = (
      reader: string,
      engine: Engine,
      missing: string | undefined,
      count: (filters: string[]) => Promise<number[]>,
    ): void => {
      const asked = all.filter(({ filter }) => filter(engine) !== undefined)
      if (asked.length === 0) return
      it.skipIf(missing !== undefined)(
        `${name}, by ${reader}${missing === undefined ? '' : ` (skipped: ${missing})`}`,
        async () => {
          findings.note(group, name, reader, 'differs')
          const texts = asked.map(({ filter }) => filter(engine) as string)
          const counts = await count(texts)
          const expected = await modelCounts(world(), subject(), asked, engine)
          const lines = (numbers: number[]): string[] => texts.map((text, index) => `${text}: ${numbers[index]}`)
          expect(lines(counts)).toEqual(lines(expected))
          findings.note(group, name, reader, 'equal')
        },
      )
    }
    check('Millrace', 'duck', undefined, async (each) => {
      const counts: number[] = []
      for (const where of each) counts.push(await subject().table.count({ where }))
      return counts
    })
    check('Spark', 'spark', tools.sparkMissing, (each) =>
      world().spark.ask('counts', { table: `rest.${subject().name}`, filters: each }),
    )
    check('PyIceberg', 'pyiceberg', tools.pythonMissing, async (each) =>
      world().python.ask('counts', { metadata: await metadataFile(world(), subject().name), filters: each }),
    )
    const defect = group === 'filters' ? undefined : duckDefects[name]
    if (defect === undefined) {
      check('DuckDB', 'duck', tools.pythonMissing, (each) => duckCounts(world(), subject().name, each))
      return
    }
    it.skipIf(tools.pythonMissing !== undefined)(`${name}, by DuckDB, ${defect.says}`, async () => {
      const { literal, text } = filteredColumns.find((column) => column.name === defect.column) as FilteredColumn
      const where = `${defect.column} = ${literal.duck(text(3, 0))}`
      const counts = await duckCounts(world(), subject().name, [where]).catch(() => 'failed')
      expect(counts).not.toEqual([1])
      findings.note(group, name, 'DuckDB', defect.says)
    })
  }
}

/** One append for each file; NULLs in some, NaN and −0.0 in one. */
async function filledSubject(
  world: World,
  name: string,
  columns: FilteredColumn[],
  partitionBy: string[],
): Promise<Subject> {
  const fields = [{ name: 'id', type: 'long' }, ...columns.map(({ name, type }) => ({ name, type }))]
  const subject = await makeSubject(world, name, { columns: fields, partitionBy })
  const names = fields.map((field) => field.name).join(', ')
  for (let file = 0; file < fileCount; file += 1) {
    const rows = Array.from({ length: rowsPerFile }, (_, row) => [
      `${file * 100 + row}`,
      ...columns.map((column) => column.literal.duck(column.text(file, row))),
    ])
    if (file % 3 === 0) rows.push([`${file * 100 + 99}`, ...columns.map(() => 'NULL')])
    await subject.append(`SELECT * FROM (VALUES ${rows.map((row) => `(${row.join(', ')})`).join(', ')}) v(${names})`)
  }
  return subject
}

async function modelCounts(world: World, subject: Subject, asked: Asked[], engine: Engine): Promise<number[]> {
  const counts = asked.map(({ column, filter }, index) => {
    const where = filter('duck') as string
    // DuckDB and Spark: NaN is greater than all; Arrow: than nothing.
    const isNanLess = engine === 'pyiceberg' && /^(float|double)$/.test(column.type) && / >=? /.test(where)
    return `count(*) FILTER (${where}${isNanLess ? ` AND NOT isnan(${column.name})` : ''})::INT AS c${index}`
  })
  const [row] = await world.model.rows(`SELECT ${counts.join(', ')} FROM ${subject.plain}`)
  return asked.map((_, index) => row?.[`c${index}`] as number)
}

async function duckCounts(world: World, name: string, filters: string[]): Promise<number[]> {
  const file = await metadataFile(world, name)
  const counts = filters.map((where) => `(SELECT count(*) FROM iceberg_scan('${file}') WHERE ${where})`)
  const sql = `SELECT unnest([${counts.join(', ')}]) AS n`
  const { rows } = await world.python.ask<{ rows: string[][] }>('duck', { sql })
  return rows.map(([count]) => Number(count))
}
