/** What differs between two resources, field by field: pure. */
import type { Json } from '../types.ts'
import type { CleanRoomsEnvironment } from './definition.ts'
import type { Fields } from './resources.ts'

export type Difference = { field: string; before: Json; after: Json }
type Place = Pick<CleanRoomsEnvironment, 'region'>

/** Lists whose order means something; all others are sets to the services, which give them back in an order of their own. */
const ordered = ['columns', 'partitionKeys']

/** What a service does when it is not told, and may say when it is asked; `beside` are the fields next to it. */
const defaults: Record<string, (beside: Fields, place: Place) => Json> = {
  additionalAnalyses: () => 'NOT_ALLOWED',
  allowedJoinOperators: () => ['AND'],
  hashed: () => false,
  region: (_, { region }) => region,
  selectedAnalysisMethods: ({ analysisMethod }) =>
    analysisMethod === 'MULTIPLE' ? ['DIRECT_QUERY', 'DIRECT_JOB'] : [analysisMethod ?? null],
}

/** Fields that differ, as paths. Nothing, an empty text, list and object, and what the service does untold are the same. */
export function differencesOf(before: Fields, after: Fields, place: Place): Difference[] {
  const [a, b] = [canonical('', before, place) ?? {}, canonical('', after, place) ?? {}]
  return differing(a as Fields, b as Fields, namesOf(before, after), '')
}

function namesOf(before: Fields, after: Fields): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
}

function differing(before: Fields, after: Fields, names: readonly string[], path: string): Difference[] {
  return names.flatMap((name) => {
    const [a, b] = [before[name] ?? null, after[name] ?? null]
    if (JSON.stringify(a) === JSON.stringify(b)) return []
    const field = `${path}${name}`
    if (isFields(a) && isFields(b)) return differing(a, b, namesOf(a, b), `${field}.`)
    return [{ field, before: a, after: b }]
  })
}

function canonical(name: string, value: Json, place: Place): Json {
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical('', item, place))
    if (items.length === 0) return null
    return ordered.includes(name) ? items : items.sort((a, b) => compareText(JSON.stringify(a), JSON.stringify(b)))
  }
  if (!isFields(value)) return value === '' ? null : value
  const members = Object.entries(value)
    .map(([key, item]) => [key, canonical(key, item, place)] as const)
    .filter(([key, item]) => item !== null && !isDefault(key, item, value, place))
    .sort(([a], [b]) => compareText(a, b))
  return members.length === 0 ? null : Object.fromEntries(members)
}

function isDefault(name: string, item: Json, beside: Fields, place: Place): boolean {
  const silent = Object.hasOwn(defaults, name) ? defaults[name]?.(beside, place) : undefined
  return silent !== undefined && JSON.stringify(canonical('', silent, place)) === JSON.stringify(item)
}

function isFields(value: Json): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
