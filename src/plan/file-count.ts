/** How many files an output becomes. Pure. */
import type { FileIdentity } from '../types.ts'

/** As many as come near the size wanted when what is written is about as large as what is read; at least one. */
export function fileCountFor(
  read: readonly Pick<FileIdentity, 'bytes'>[],
  { fileBytesTarget }: { fileBytesTarget: number },
): number {
  return Math.max(1, Math.round(read.reduce((sum, { bytes }) => sum + bytes, 0) / fileBytesTarget))
}

/** Whole files of a share of a gigabyte (2^30 bytes) each: at least one, at most `filesMax`. */
export function fileCountPerGigabyte(
  bytes: number,
  { filesPerGigabyte, filesMax }: { filesPerGigabyte: number; filesMax: number },
): number {
  return Math.min(filesMax, Math.max(1, Math.floor((bytes / 2 ** 30) * filesPerGigabyte)))
}
