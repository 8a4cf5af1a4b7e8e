/** Reads a pipeline's parameters from text: flags, Glue arguments, configuration. */
import type * as z from 'zod'
import { didYouMean, MillraceError } from '../errors.ts'

/** `partitionDate` → `partition-date`, as a flag spells it. */
export function kebabCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `partitionDate` → `PARTITION_DATE`, as a Glue job argument spells it. */
export function upperSnakeCase(name: string): string {
  return kebabCase(name).replaceAll('-', '_').toUpperCase()
}

/** The parameter a flag (`partition-date`) or Glue argument (`PARTITION_DATE`) names; undefined when there is none. */
export function parameterNamed(schema: z.ZodObject, flag: string): string | undefined {
  return Object.keys(schema.shape).find((name) => [name, kebabCase(name), upperSnakeCase(name)].includes(flag))
}

/** The kind of value a parameter takes: `boolean`, `number` or text. */
export function parameterKind(schema: z.ZodObject, name: string): 'boolean' | 'number' | 'text' {
  let inner = schema.shape[name] as unknown as { def: { type: string; innerType?: unknown } }
  while (inner.def.innerType !== undefined) inner = inner.def.innerType as typeof inner
  return inner.def.type === 'boolean' || inner.def.type === 'number' ? inner.def.type : 'text'
}

/**
 * Checks values (text from a command line, or typed ones) against a pipeline's schema and fills in its defaults.
 * Throws `usage` naming each parameter that is wrong, what was found and what is expected.
 */
export function parseParams(
  schema: z.ZodObject,
  values: Record<string, unknown>,
  defaults: Record<string, unknown>,
): Record<string, unknown> {
  const given: Record<string, unknown> = { ...defaults }
  const names = Object.keys(schema.shape)
  for (const [name, value] of Object.entries(values)) {
    if (!names.includes(name)) {
      throw new MillraceError(
        'usage',
        `there is no parameter ${name}${didYouMean(name, names) || ` (${names.join(', ')})`}`,
      )
    }
    given[name] = typeof value === 'string' ? fromText(value, parameterKind(schema, name)) : value
  }
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? '')
    return `--${kebabCase(name)}  ${found(given[name])} is refused: ${expectation(issue, given[name])}`
  })
  throw new MillraceError('usage', problems.join('\n'))
}

function fromText(text: string, kind: 'boolean' | 'number' | 'text'): unknown {
  if (kind === 'number' && /^[+-]?\d+(\.\d+)?(e\d+)?$/i.test(text.trim())) return Number(text)
  if (kind === 'boolean' && /^(true|false)$/i.test(text.trim())) return text.trim().toLowerCase() === 'true'
  return text
}

function found(value: unknown): string {
  return value === undefined ? 'no value' : JSON.stringify(value)
}

function expectation(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_value': {
      const values = issue.values.map(String)
      return `expected one of ${values.join(', ')}${didYouMean(String(value), values)}`
    }
    case 'too_small':
      return `expected at least ${issue.minimum}`
    case 'too_big':
      return `expected at most ${issue.maximum}`
    case 'invalid_type':
      return `expected ${issue.expected === 'int' ? 'a whole number' : issue.expected}`
    case 'invalid_format':
      if (issue.format === 'date') return 'expected a date that exists, as YYYY-MM-DD'
      return `expected ${issue.format === 'datetime' ? 'a time such as 2025-11-03T06:00:00Z' : issue.message}`
    default:
      return issue.message
  }
}
