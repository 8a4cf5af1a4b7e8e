/** The account of a clean room: the AWS SDK's clients of its three services as one value. They are loaded on first use. */
import type { CleanRooms } from '@aws-sdk/client-cleanrooms'
import type { EntityResolution } from '@aws-sdk/client-entityresolution'
import type { Glue } from '@aws-sdk/client-glue'
import { MillraceError, systemCode } from '../errors.ts'
import type { CleanRoomsEnvironment } from './definition.ts'

export type CleanRoomsAccount = {
  /** How a person knows it. */
  where: string
  cleanRooms: CleanRooms
  entityResolution: EntityResolution
  glue: Glue
}

/** A request as the SDK has serialised it, and the answer as it came over the wire. */
export type WireRequest = {
  method: string
  path: string
  query?: Record<string, string | string[] | null>
  headers: Record<string, string>
  body?: unknown
}
export type WireResponse = { statusCode: number; headers: Record<string, string>; body: Uint8Array }
/** One of the three services, answering in place of the network. */
export type ServiceName = 'cleanrooms' | 'entityresolution' | 'glue'
export type Answer = (service: ServiceName, request: WireRequest) => Promise<WireResponse>

export type ClientOptions = {
  /** In place of the network. */
  answer?: Answer
  /** Tries of one request; throttled ones wait longer each time. */
  attemptsMax?: number
}

// Five requests a second of each operation is what an account gets by default; eight tries ride out half a minute of others' use.
const attemptsMaxDefault = 8
/** The versions that this was built and tested with; test/cleanrooms holds them against package.json. */
export const sdkPackages = [
  '@aws-sdk/client-cleanrooms',
  '@aws-sdk/client-entityresolution',
  '@aws-sdk/client-glue',
].map((name) => `${name}@3.1048.0`)

/** Opens the account of an environment. Throws `missing-tool` where the AWS SDK is not installed. */
export async function openAccount(
  { region }: Pick<CleanRoomsEnvironment, 'region'>,
  where: string,
  options: ClientOptions = {},
): Promise<CleanRoomsAccount> {
  const [cleanRooms, entityResolution, glue] = await loadClients()
  const settings = (service: ServiceName) => ({
    region,
    maxAttempts: options.attemptsMax ?? attemptsMaxDefault,
    retryMode: 'standard',
    ...(options.answer === undefined ? {} : inPlaceOfNetwork(service, options.answer)),
  })
  return {
    where,
    cleanRooms: new cleanRooms.CleanRooms(settings('cleanrooms')),
    entityResolution: new entityResolution.EntityResolution(settings('entityresolution')),
    glue: new glue.Glue(settings('glue')),
  }
}

async function loadClients() {
  try {
    return await Promise.all([
      import('@aws-sdk/client-cleanrooms'),
      import('@aws-sdk/client-entityresolution'),
      import('@aws-sdk/client-glue'),
    ])
  } catch (error) {
    if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(systemCode(error) ?? '')) throw error
    throw new MillraceError(
      'missing-tool',
      `clean rooms need the AWS SDK's clients, which are not installed. Run: npm install ${sdkPackages.join(' ')}`,
      { cause: error },
    )
  }
}

function inPlaceOfNetwork(service: ServiceName, answer: Answer) {
  return {
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    requestHandler: {
      handle: async (request: WireRequest) => ({ response: await answer(service, request) }),
    } as never,
  }
}
