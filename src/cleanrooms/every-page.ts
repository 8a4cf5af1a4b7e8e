/** Asking a service: its errors in words, its listings whole. */
import { serviceError } from './service-error.ts'

/** Asks; what goes wrong says what was asked. */
export async function asked<T>(verb: string, what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw serviceError(verb, what, error)
  }
}

/** All pages of a listing. */
export async function everyPage<T>(
  what: string,
  ask: (nextToken: string | undefined) => Promise<{ items: T[] | undefined; nextToken: string | undefined }>,
): Promise<T[]> {
  const all: T[] = []
  let token: string | undefined
  do {
    const page = await asked('list', what, () => ask(token))
    all.push(...(page.items ?? []))
    token = page.nextToken
  } while (token !== undefined && token !== '')
  return all
}
