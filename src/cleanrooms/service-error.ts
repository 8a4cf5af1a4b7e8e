/** Errors of the three services, in words for a person. */
import { MillraceError, messageOf } from '../errors.ts'

/** What the SDK throws: the service's name for it. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

/** What is asked for is not there. */
export function isMissing(error: unknown): boolean {
  return ['ResourceNotFoundException', 'EntityNotFoundException'].includes(nameOf(error))
}

/** What is to be made is there, or something else stands in its way. */
export function isConflict(error: unknown): boolean {
  return ['ConflictException', 'AlreadyExistsException'].includes(nameOf(error))
}

const advice: Record<string, string> = {
  AccessDeniedException: 'The credentials in use may not do that; give their role the permission',
  UnrecognizedClientException: 'The credentials in use are not valid; sign in again',
  ExpiredTokenException: 'The credentials in use have expired; sign in again',
  CredentialsProviderError: 'No AWS credentials were found; sign in, or use --account local',
  ResourceNotFoundException:
    'Check the identifiers of the environment in the definition, its region, and the credentials in use',
  EntityNotFoundException: 'Check the database of the environment in the definition',
  ConflictException: 'Something of this name was made meanwhile, or what needs it still stands; plan again',
  AlreadyExistsException: 'Something of this name was made meanwhile; plan again',
  ThrottlingException: 'Other work uses up the account’s rate; try again later',
  ServiceQuotaExceededException: 'Ask AWS for a higher quota; millrace cleanrooms lint names the limits',
  ExceedsLimitException: 'Ask AWS for a higher quota; millrace cleanrooms lint names the limits',
}

/** A MillraceError for what a service said; `verb` and `what` are what was being done. */
export function serviceError(verb: string, what: string, error: unknown): unknown {
  if (error instanceof MillraceError) return error
  const name = nameOf(error)
  const isAnswer = typeof error === 'object' && error !== null && '$metadata' in error
  if (!isAnswer && advice[name] === undefined) return error
  const hint = advice[name] === undefined ? '' : `. ${advice[name]}`
  return new MillraceError('service', `${verb} ${what}  ${name}: ${messageOf(error)}${hint}`, { cause: error })
}
