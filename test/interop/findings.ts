/** What a run found, and the page that says it. */

/** `equal`, `differs`, `cannot`, or in words what is known to be different. */
export type Finding = string
export type Findings = {
  note(group: string, row: string, column: string, finding: Finding): void
  /** The text of docs/iceberg-matrix.md. Throws where a part of the tests has not run. */
  page(): string
}

const signs: Record<string, string> = { equal: '✓', differs: '**differs**', cannot: '–' }
const headings: [group: string, heading: string, first: string][] = [
  ['types', 'Types', 'type'],
  ['partitions', 'Partition transforms, with merges by both ways and deletes', 'transform'],
  ['rows changed', 'Rows changed', 'change'],
  ['evolution', 'Schema and partitions changed between writes', 'change'],
  ['snapshots', 'Snapshots, branches and tags', 'read'],
  ['filters', 'Filters that skip files by their bounds', 'filtered column'],
  ['filters of partitions', 'Filters that skip files by their partitions', 'partitioned by'],
  ['written by Spark', 'What Spark wrote', 'statement'],
  ['made by others', 'Tables that others made', 'table'],
  ['catalog', 'Other uses of the REST catalog', 'use'],
  ['turns', 'Writing in turns through the REST catalog', 'change'],
  ['races', 'Writing at the same time', 'writers'],
]
const introduction = `# Who reads and writes what
Written by the tests in \`test/interop/\`, which fail in CI when it does not say what they found. Every cell compares all
rows with those of plain DuckDB tables that were given the same changes: ✓ equal, – the reader says that it cannot.

Millrace against Spark 3.5.6 with Iceberg 1.10.1 (Hadoop's folder layout, and Millrace's REST catalog), PyIceberg 0.12.0 and
DuckDB 1.5.5's own Iceberg extension (the table's metadata file, and the REST catalog).
`

export function makeFindings(): Findings {
  const groups = new Map<string, Map<string, Map<string, Finding>>>()
  const at = <K, V>(map: Map<K, V>, key: K, empty: () => V): V => {
    const value = map.get(key) ?? empty()
    map.set(key, value)
    return value
  }
  return {
    note: (group, row, column, finding) => {
      at(
        at(groups, group, () => new Map<string, Map<string, Finding>>()),
        row,
        () => new Map<string, Finding>(),
      ).set(column, finding)
    },
    page: () => {
      const missing = headings.map(([group]) => group).filter((group) => !groups.has(group))
      if (missing.length > 0) throw new Error(`nothing was found of ${missing.join(', ')}; run all of test/interop`)
      const sections = headings.map(
        ([group, heading, first]) => `\n## ${heading}\n${tableOf(first, groups.get(group) ?? new Map())}`,
      )
      return introduction + sections.join('')
    },
  }
}

function tableOf(first: string, rows: Map<string, Map<string, Finding>>): string {
  const columns = [...new Set([...rows.values()].flatMap((row) => [...row.keys()]))]
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |\n`
  const body = [...rows].map(([name, row]) => line([name, ...columns.map((column) => signOf(row.get(column)))]))
  return line([first, ...columns]) + line(['---', ...columns.map(() => '---')]) + body.join('')
}

function signOf(finding: Finding | undefined): string {
  return finding === undefined ? '' : (signs[finding] ?? finding)
}
