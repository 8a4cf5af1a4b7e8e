/** Names in a folder of data that are none. */

/** Names that writers use for what is not data, or not yet. */
export function isIgnored(name: string): boolean {
  return /^[._]/.test(name) || /(\.(tmp|temp|crc|inprogress|partial|swp)|~)$/i.test(name)
}
