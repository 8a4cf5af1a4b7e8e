/** Reads JSON with the line and column of what is wrong, keys in their order, and no key twice. */
import { MillraceError } from 'millrace'

/** A value of JSON; an object is a Map, since plain objects move keys that look like numbers to the front. */
export type JsonValue = null | boolean | number | string | JsonValue[] | Map<string, JsonValue>

type Reader = { file: string; text: string; at: number }

const depthMax = 100 // far more than any file here needs, far less than the call stack holds
const blank = /[ \t\r\n]*/y
const token =
  /"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[[\]{},:]/uy

/** Reads a whole text. Throws `usage` with file, line and column, what was found and what was expected. */
export function parseJson(file: string, text: string): JsonValue {
  const reader = { file, text: text.replace(/^\uFEFF/, ''), at: 0 }
  const value = readValue(reader, 0)
  if (peek(reader) !== '') throw wrong(reader, 'the end of the file')
  return value
}

function readValue(reader: Reader, depth: number): JsonValue {
  const text = peek(reader)
  if (depth > depthMax) throw wrong(reader, `at most ${depthMax} levels`)
  if (text === '[') {
    const items: JsonValue[] = []
    readList(reader, '[', ']', () => items.push(readValue(reader, depth + 1)))
    return items
  }
  if (text === '{') {
    const entries = new Map<string, JsonValue>()
    readList(reader, '{', '}', () => {
      const key = readKey(reader, entries)
      entries.set(key, readValue(reader, depth + 1))
    })
    return entries
  }
  if (!/^("|-?\d|true$|false$|null$)/.test(text)) throw wrong(reader, 'a value')
  reader.at += text.length
  return JSON.parse(text)
}

function readKey(reader: Reader, entries: Map<string, JsonValue>): string {
  const text = peek(reader)
  if (!text.startsWith('"')) throw wrong(reader, 'a key in double quotes')
  const key: string = JSON.parse(text)
  if (entries.has(key)) throw wrong(reader, 'each key once')
  take(reader, text)
  take(reader, ':')
  return key
}

function readList(reader: Reader, open: string, close: string, readItem: () => void): void {
  take(reader, open)
  if (peek(reader) !== close) {
    readItem()
    while (peek(reader) === ',') {
      take(reader, ',')
      readItem()
    }
    if (peek(reader) !== close) throw wrong(reader, `"," or "${close}"`)
  }
  take(reader, close)
}

/** The next token; nothing at the end of the text, the next letter where no token begins. */
function peek(reader: Reader): string {
  blank.lastIndex = reader.at
  reader.at += blank.exec(reader.text)?.[0].length ?? 0
  token.lastIndex = reader.at
  const text = token.exec(reader.text)?.[0] ?? reader.text.charAt(reader.at)
  if (text === '"') throw wrong(reader, 'text that ends on its line, without unknown escapes')
  return text
}

function take(reader: Reader, expected: string): void {
  if (peek(reader) !== expected) throw wrong(reader, `"${expected}"`)
  reader.at += expected.length
}

function wrong({ file, text, at }: Reader, expected: string): MillraceError {
  const lines = text.slice(0, at).split('\n')
  const place = `${file}:${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`
  const found = text.slice(at).match(/^("[^"\n]{0,40}"?|[\w.+-]{1,40}|.)/su)?.[0]
  const what = found === undefined ? 'the end of the file' : found.startsWith('"') ? found : JSON.stringify(found)
  return new MillraceError('usage', `${place}  found ${what}, expected ${expected}`)
}
