/** What goes wrong, in the shape and with the names that clients of a REST catalog know. */
import { type ErrorCode, MillraceError, messageOf } from '../errors.ts'

/** An error with its HTTP status and the name of Iceberg's exception. */
export class RestError extends Error {
  readonly status: number
  readonly type: string
  constructor(status: number, type: string, message: string) {
    super(message)
    this.status = status
    this.type = type
  }
}

const known: Partial<Record<ErrorCode, [status: number, type: string]>> = {
  usage: [400, 'BadRequestException'],
  'bad-value': [400, 'BadRequestException'],
  'not-found': [404, 'NoSuchTableException'],
  exists: [409, 'AlreadyExistsException'],
  conflict: [409, 'CommitFailedException'],
}

/** The answer to a request that failed. */
export function restError(error: unknown): { status: number; body: unknown } {
  const [status, type] = statusOf(error)
  return { status, body: { error: { message: messageOf(error), type, code: status } } }
}

function statusOf(error: unknown): [status: number, type: string] {
  if (error instanceof RestError) return [error.status, error.type]
  const found = error instanceof MillraceError ? known[error.code] : undefined
  return found ?? [500, 'InternalServerError']
}
