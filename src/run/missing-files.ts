/** Holds what a commit says of a folder against what lies there. */

import type { ReadableStore } from '../store.ts'
import type { PublishedFile } from '../types.ts'

/** Of the files published in a folder, those that are not there with their size. */
export async function missingFiles(
  store: Pick<ReadableStore, 'list'>,
  folder: string,
  published: readonly PublishedFile[],
): Promise<PublishedFile[]> {
  const found = new Map((await store.list(folder)).files.map(({ path, bytes }) => [path, bytes]))
  return published.filter(({ name, bytes }) => found.get(`${folder}/${name}`) !== bytes)
}
