/** An answer as a service may give it that says more than it was told. */
import type { Json } from '../../types.ts'
import type { Item } from './state.ts'

/** What the service does untold is said, and every list is in another order. */
export function withDefaults(answer: Item, region: string): Item {
  return Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, said(value, region)]))
}

function said(value: Json, region: string): Json {
  if (Array.isArray(value)) return value.map((item) => said(item, region)).reverse()
  if (typeof value !== 'object' || value === null) return value
  return withDefaults({ ...untold(value, region), ...value }, region)
}

/** By the members that only one structure of the services has. */
function untold(item: Item, region: string): Item {
  if ('databaseName' in item) return { region }
  if ('fieldName' in item) return { hashed: false }
  if ('allowedAnalyses' in item) return { additionalAnalyses: 'NOT_ALLOWED' }
  if ('listColumns' in item || 'aggregateColumns' in item)
    return { additionalAnalyses: 'NOT_ALLOWED', allowedJoinOperators: ['AND'] }
  if ('analysisMethod' in item && 'allowedColumns' in item) {
    const methods = item.analysisMethod === 'MULTIPLE' ? ['DIRECT_QUERY', 'DIRECT_JOB'] : [item.analysisMethod as Json]
    return { selectedAnalysisMethods: methods }
  }
  return {}
}
