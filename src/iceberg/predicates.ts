/**
 * Which files a condition cannot concern, from the bounds in the manifests. Of a condition in SQL only parts that are joined by
 * AND and compare a column with a literal are understood; what is not understood keeps every file.
 */
import { statisticValue } from './column-types.ts'
import { findField } from './schema.ts'
import { applyTransform, parseTransform } from './transforms.ts'
import type { DataFile, PartitionSpec, PartitionValue, Schema } from './types.ts'
import { compareValues, decodeValue } from './values.ts'

type Value = Exclude<PartitionValue, null>

/** One comparison of a primitive column. `in` has several values, `null` and `not null` none. */
export type Predicate = {
  id: number
  type: string
  operator: '=' | '<' | '<=' | '>' | '>=' | 'in' | 'null' | 'not null'
  values: Value[]
}

type Token = { kind: 'name' | 'word' | 'text' | 'number' | 'sign'; text: string }

const tokenPattern =
  /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|"(?<name>(?:[^"]|"")*)"|'(?<text>(?:[^']|'')*)'|(?<number>\d+(?:\.\d+)?(?![\w.]))|(?<word>[\p{L}_][\p{L}\p{N}_$.]*)|(?<sign><=|>=|<>|!=|==|.)/suy

function tokensOf(sql: string): Token[] {
  const tokens: Token[] = []
  for (const { groups } of sql.matchAll(new RegExp(tokenPattern, 'suyg'))) {
    const found = Object.entries(groups ?? {}).find(([, text]) => text !== undefined)
    if (found !== undefined) tokens.push({ kind: found[0] as Token['kind'], text: String(found[1]) })
  }
  return tokens
}

/** The comparisons that a condition cannot be true without. */
export function predicatesOf(where: string, schema: Schema): Predicate[] {
  return conjuncts(tokensOf(where)).flatMap((tokens) => predicateOf(tokens, schema) ?? [])
}

const isWord = (token: Token | undefined, word: string): boolean =>
  token?.kind === 'word' && token.text.toLowerCase() === word
const isSign = (token: Token | undefined, sign: string): boolean => token?.kind === 'sign' && token.text === sign

/** The parts that AND joins; none of them when OR or CASE stands beside it. */
function conjuncts(tokens: Token[]): Token[][] {
  const parts: Token[][] = [[]]
  let depth = 0
  let isBetween = false
  for (const token of tokens) {
    if (isSign(token, '(') || isSign(token, '[')) depth += 1
    if (isSign(token, ')') || isSign(token, ']')) depth -= 1
    if (depth === 0 && (isWord(token, 'or') || isWord(token, 'case'))) return []
    if (depth === 0 && isWord(token, 'between')) isBetween = true
    if (depth === 0 && isWord(token, 'and') && !isBetween) parts.push([])
    else {
      if (depth === 0 && isWord(token, 'and')) isBetween = false
      parts.at(-1)?.push(token)
    }
  }
  return parts.flatMap((part) => {
    const isWrapped = isSign(part[0], '(') && isSign(part.at(-1), ')') && closes(part) === part.length - 1
    return isWrapped ? conjuncts(part.slice(1, -1)) : [part]
  })
}

/** The position of the parenthesis that closes the first. */
function closes(tokens: Token[]): number {
  let depth = 0
  for (const [at, token] of tokens.entries()) {
    if (isSign(token, '(')) depth += 1
    if (isSign(token, ')')) depth -= 1
    if (depth === 0) return at
  }
  return -1
}

function predicateOf(tokens: Token[], schema: Schema): Predicate[] | undefined {
  const [first, second, ...rest] = tokens
  const field = columnOf(first, schema)
  if (field === undefined || second === undefined) return undefined
  const of = (operator: Predicate['operator'], values: Token[][]): Predicate[] | undefined => {
    const literals = values.map((value) => literalOf(field.type, value))
    return literals.includes(null) ? undefined : [{ ...field, operator, values: literals as Value[] }]
  }
  if (isWord(second, 'is')) {
    if (isWord(rest[0], 'null') && rest.length === 1) return of('null', [])
    return isWord(rest[0], 'not') && isWord(rest[1], 'null') && rest.length === 2 ? of('not null', []) : undefined
  }
  if (isWord(second, 'in') && isSign(rest[0], '(') && isSign(rest.at(-1), ')')) {
    const items: Token[][] = [[]]
    for (const token of rest.slice(1, -1))
      if (isSign(token, ',')) items.push([])
      else items.at(-1)?.push(token)
    return of('in', items)
  }
  if (isWord(second, 'between')) {
    const at = rest.findIndex((token) => isWord(token, 'and'))
    const [low, high] = [of('>=', [rest.slice(0, at)]), of('<=', [rest.slice(at + 1)])]
    return low === undefined || high === undefined ? undefined : [...low, ...high]
  }
  const operator = second.text === '==' ? '=' : second.text
  return ['=', '<', '<=', '>', '>='].includes(operator) ? of(operator as '=', [rest]) : undefined
}

function columnOf(token: Token | undefined, schema: Schema): { id: number; type: string } | undefined {
  if (token?.kind !== 'name' && token?.kind !== 'word') return undefined
  try {
    const field = findField(schema, token.text)
    // NaN is greater than every number, but no bound tells of it.
    const isSure = typeof field.type === 'string' && !/^(float|double|uuid|binary|fixed)/.test(field.type)
    return isSure ? { id: field.id, type: field.type as string } : undefined
  } catch {
    return undefined // no column; the query will say so
  }
}

/** A literal of the column's type, or null. */
function literalOf(type: string, tokens: Token[]): PartitionValue {
  const typed = ['date', 'timestamp', 'timestamptz'].some((word) => isWord(tokens[0], word)) ? tokens.slice(1) : tokens
  const sign = isSign(typed[0], '-') ? '-' : ''
  const token = typed[sign === '' ? 0 : 1]
  if (token === undefined || typed.length !== (sign === '' ? 1 : 2)) return null
  const text = sign + (token.kind === 'text' ? token.text.replaceAll("''", "'") : token.text)
  if (type === 'string') return token.kind === 'text' ? text : null
  if (type === 'boolean') return token.kind === 'word' ? text.toLowerCase() === 'true' : null
  if (type === 'date' && !/^\d{4}-\d\d-\d\d$/.test(text)) return null // a time of day would be lost
  if (/^(date|time)/.test(type)) return token.kind === 'text' ? statisticValue(type, text.replace('T', ' ')) : null
  const scale = Number(/,\s*(\d+)\)$/.exec(type)?.[1] ?? 0)
  const [, fraction = ''] = text.split('.')
  return /^-?\d+(\.\d+)?$/.test(text) && fraction.length <= scale ? statisticValue(type, text) : null
}

/** True unless the bounds or the partition of a file say that none of its rows can fulfil all predicates. */
export function mayMatch(file: DataFile, predicates: readonly Predicate[], spec: PartitionSpec | undefined): boolean {
  return predicates.every((predicate) => mayFulfil(file, predicate) && mayBeInPartition(file, predicate, spec))
}

function mayFulfil(file: DataFile, { id, type, operator, values }: Predicate): boolean {
  const nulls = file.null_value_counts?.get(id)
  if (operator === 'null') return nulls !== 0
  if (nulls !== undefined && nulls === file.record_count) return false
  const [lowerBytes, upperBytes] = [file.lower_bounds?.get(id), file.upper_bounds?.get(id)]
  const lower = lowerBytes === undefined ? null : decodeValue(type, lowerBytes)
  const upper = upperBytes === undefined ? null : decodeValue(type, upperBytes)
  return (
    values.length === 0 ||
    values.some((value) => {
      // Negative: the value lies below every row's; positive: above.
      const toLower = lower === null ? 1 : compareValues(type, value, lower)
      const toUpper = upper === null ? -1 : compareValues(type, value, upper)
      if (operator === '<') return toLower > 0
      if (operator === '<=') return toLower >= 0
      if (operator === '>') return toUpper < 0
      if (operator === '>=') return toUpper <= 0
      return toLower >= 0 && toUpper <= 0
    })
  )
}

/** Buckets tell nothing by their bounds. */
function mayBeInPartition(file: DataFile, { id, type, operator, values }: Predicate, spec?: PartitionSpec): boolean {
  if (operator !== '=' && operator !== 'in') return true
  return (spec?.fields ?? []).every((field, index) => {
    if (field['source-id'] !== id || parseTransform(field.transform).kind !== 'bucket') return true
    return values.some((value) => applyTransform(field.transform, type, value) === file.partition[index])
  })
}
