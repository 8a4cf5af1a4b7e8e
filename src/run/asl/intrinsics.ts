/**
 * The intrinsic functions. Developer guide, "Intrinsic functions for JSONPath states". What a function cannot do with its
 * arguments is `States.IntrinsicFailure`; an argument's path that leads nowhere is `States.Runtime`.
 */
import { createHash, randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Json } from '../../types.ts'
import { runtimeError, StatesError } from './errors.ts'
import { type Argument, type Call, type IntrinsicName, templateParts } from './intrinsic-call.ts'
import { isObject, kindOf, type Roots, readPath } from './json-path-read.ts'

/** Calls the function. `random` gives numbers in [0, 1). */
export function evaluateCall(call: Call, roots: Roots, random: () => number): Json {
  const values = call.arguments.map((argument) => evaluateArgument(argument, call, roots, random))
  try {
    if (call.name === 'States.Format') return format(call.arguments[0], values)
    if (call.name === 'States.MathRandom') return mathRandom(values, random)
    return functions[call.name](...values)
  } catch (thrown) {
    if (thrown instanceof Unfit) throw new StatesError('States.IntrinsicFailure', `${call.text}: ${thrown.message}`)
    throw thrown
  }
}

/** An argument that the function cannot work with. */
class Unfit extends Error {}

function evaluateArgument(argument: Argument, call: Call, roots: Roots, random: () => number): Json {
  if (argument.kind === 'call') return evaluateCall(argument, roots, random)
  if (argument.kind !== 'path') return argument.value
  const value = readPath(argument.path, roots)
  if (value === undefined) throw runtimeError(`${call.text}: ${argument.path.text} is not in the input`)
  return value
}

type Function = (...values: Json[]) => Json
const functions: { [Name in Exclude<IntrinsicName, 'States.Format' | 'States.MathRandom'>]: Function } = {
  'States.StringToJson': (text) => stringToJson(asText(text)),
  'States.JsonToString': (value) => JSON.stringify(value),
  'States.Array': (...values) => values,
  'States.ArrayPartition': (list, size) => partition(asList(list), asInteger(size)),
  'States.ArrayContains': (list, wanted) => asList(list).some((item) => isDeepStrictEqual(item, wanted)),
  'States.ArrayRange': (first, last, step) => range(asInteger(first), asInteger(last), asInteger(step)),
  'States.ArrayGetItem': (list, index) => getItem(asList(list), asInteger(index)),
  'States.ArrayLength': (list) => asList(list).length,
  'States.ArrayUnique': (list) => unique(asList(list)),
  'States.Base64Encode': (text) => Buffer.from(asShortText(text), 'utf8').toString('base64'),
  'States.Base64Decode': (text) => decode(asShortText(text)),
  'States.Hash': (data, algorithm) => hash(asShortText(data), asText(algorithm)),
  'States.JsonMerge': (first, second) => ({ ...asObject(first), ...asObject(second) }),
  'States.MathAdd': (first, second) => asInt32(asInteger(first) + asInteger(second)),
  'States.StringSplit': (text, separators) => split(asText(text), asText(separators)),
  'States.UUID': () => randomUUID(),
}

/** Step Functions writes objects and lists in Java's spelling here; nobody wants that text, so it is refused. */
function format(template: Argument | undefined, [first, ...values]: Json[]): string {
  const parts = template?.kind === 'text' ? templateParts(template.raw) : dataParts(asText(first))
  if (parts.length - 1 !== values.length) throw new Unfit(`${parts.length - 1} places {} for ${values.length} values`)
  const texts = values.map((value) => {
    if (value !== null && typeof value === 'object')
      throw new Unfit(`${kindOf(value)} cannot be formatted; use States.JsonToString`)
    return typeof value === 'string' ? value : JSON.stringify(value)
  })
  return parts.map((part, index) => part + (texts[index] ?? '')).join('')
}

/** Whether escapes count in a template that comes from data is written nowhere: only plain ones are taken. */
function dataParts(template: string): string[] {
  const parts = template.split('{}')
  if (/[\\{}]/.test(parts.join(''))) throw new Unfit('a template from data may have no \\ and no brace but {}')
  return parts
}

function stringToJson(text: string): Json {
  if (text.trim() === '') return null // as Step Functions does
  try {
    return JSON.parse(text, (_key, value) => (value === 0 ? 0 : value)) // -0 is 0 there
  } catch {
    throw new Unfit('the text is not JSON')
  }
}

function partition(list: Json[], size: number): Json[][] {
  if (size < 1) throw new Unfit(`a chunk has 1 item or more, not ${size}`)
  return Array.from({ length: Math.ceil(list.length / size) }, (_, chunk) =>
    list.slice(chunk * size, (chunk + 1) * size),
  )
}

const rangeMax = 1000 // developer guide: up to 1000 items

function range(first: number, last: number, step: number): number[] {
  if (step === 0) throw new Unfit('the step is 0')
  const count = Math.max(0, Math.floor((last - first) / step) + 1)
  if (count > rangeMax) throw new Unfit(`${count} items are more than ${rangeMax}`)
  return Array.from({ length: count }, (_, index) => first + index * step)
}

function getItem(list: Json[], index: number): Json {
  const item = list[index]
  if (item === undefined) throw new Unfit(`there is no item ${index} in ${kindOf(list)}`)
  return item
}

function unique(list: Json[]): Json[] {
  return list.filter((item, index) => list.findIndex((earlier) => isDeepStrictEqual(earlier, item)) === index)
}

function decode(text: string): string {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text))
    throw new Unfit('the text is not Base64')
  return Buffer.from(text, 'base64').toString('utf8')
}

const algorithms: { [name: string]: string } = {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
}

function hash(data: string, name: string): string {
  const algorithm = Object.hasOwn(algorithms, name) ? algorithms[name] : undefined
  if (algorithm === undefined) throw new Unfit(`${name} is none of ${Object.keys(algorithms).join(', ')}`)
  return createHash(algorithm).update(data, 'utf8').digest('hex')
}

/** Every letter of `separators` separates; empty parts are dropped. */
function split(text: string, separators: string): string[] {
  const parts = ['']
  for (const letter of text) {
    if (separators.includes(letter)) parts.push('')
    else parts[parts.length - 1] += letter
  }
  return parts.filter((part) => part !== '')
}

/** From the first number, inclusive, to the second, exclusive. */
function mathRandom(values: Json[], random: () => number): number {
  const [start, end] = values.map(asInteger)
  if (start === undefined || end === undefined || start >= end)
    throw new Unfit(`there is no number from ${start} to below ${end}`)
  return start + Math.floor(random() * (end - start))
}

function asText(value: Json | undefined): string {
  if (typeof value === 'string') return value
  throw new Unfit(`a text is expected, found ${kindOf(value ?? null)}`)
}

const textLengthMax = 10_000 // developer guide: Base64 and hash take up to 10,000 characters

function asShortText(value: Json | undefined): string {
  const text = asText(value)
  if (text.length > textLengthMax) throw new Unfit(`${text.length} letters are more than ${textLengthMax}`)
  return text
}

/** A half goes up, below zero too, as Math.round does in Java and here; 0 has no sign. */
function asInteger(value: Json | undefined): number {
  if (typeof value === 'number') return asInt32(Math.round(value))
  throw new Unfit(`a number is expected, found ${kindOf(value ?? null)}`)
}

function asInt32(value: number): number {
  if (value < -(2 ** 31) || value >= 2 ** 31) throw new Unfit(`${value} is not a 32-bit number`)
  return value === 0 ? 0 : value
}

function asList(value: Json | undefined): Json[] {
  if (Array.isArray(value)) return value
  throw new Unfit(`a list is expected, found ${kindOf(value ?? null)}`)
}

function asObject(value: Json | undefined): { [key: string]: Json } {
  if (isObject(value)) return value
  throw new Unfit(`an object is expected, found ${kindOf(value ?? null)}`)
}
