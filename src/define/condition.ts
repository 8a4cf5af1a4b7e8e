/** Conditions of a choice, in the spelling of the Amazon States Language. */
import type { Json } from '../types.ts'

/** One of `And`, `Or`, `Not`, or `Variable` with one comparison operator beside it. */
export type Condition = {
  And?: Condition[]
  Or?: Condition[]
  Not?: Condition
  Variable?: string
} & { [Operator in ComparisonOperator]?: Json }

/** `StringEquals`, `StringEqualsPath`, … `IsTimestamp`. */
export type ComparisonOperator =
  | `${'String' | 'Numeric' | 'Timestamp'}${Comparison}${'' | 'Path'}`
  | `BooleanEquals${'' | 'Path'}`
  | 'StringMatches'
  | `Is${'Null' | 'Present' | 'Numeric' | 'String' | 'Boolean' | 'Timestamp'}`
export type Comparison = 'Equals' | 'LessThan' | 'GreaterThan' | 'LessThanEquals' | 'GreaterThanEquals'
