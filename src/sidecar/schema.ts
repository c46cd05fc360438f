/** JSON schemas that several routes share: they check, they serialise, and they are the OpenAPI document. */
import { type TSchema, type TUnsafe, Type } from 'typebox'
import { DEVICE_CLASSES, type DeviceClass } from '../packet/constants.js'
import type { PresenceJson, RingJson } from '../webhook/view.js'
import { PROBLEM_TYPE, PROBLEMS, type ProblemCode, type ProblemDocument, problemDocument } from './problem.js'

/** Longest PUID that is looked at. */
export const PUID_CHARACTERS_MAX = 128

/** What every PUID looks like; anything else is unknown without asking. */
export const PUID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/

/** Text that has a UTF-8 form (no lone surrogate). */
const WELL_FORMED = '^\\P{Cs}*$'
const EXAMPLE_ID = '6f1c2a6e-6d0b-4c53-9d0a-0e4d6a2b7c11'
const EXAMPLE_PUID = 'p_hSDwCYkwp1R0i33ctD73Wg2Og0mOBr066SpjqqbTmoKz1Qxw'
const EXAMPLE_RING = '7c9e6679f4de0b1a2c3d4e5f60718293'

/** Text of at most `maxLength` characters. */
export function text(description: string, limits: { minLength?: number; maxLength?: number } = {}): Type.TString {
  return Type.String({ description, pattern: WELL_FORMED, ...limits })
}

/** An object with these fields and no other. */
export function record<Fields extends Type.TProperties>(
  fields: Fields,
  options: Type.TObjectOptions = {},
): Type.TObject<Fields> {
  return Type.Object(fields, { additionalProperties: false, ...options })
}

/** A PUID as an application names it. */
export const Puid = Type.String({
  description: 'Pseudonym of a person for your application.',
  maxLength: PUID_CHARACTERS_MAX,
  examples: [EXAMPLE_PUID],
})

const EXAMPLE_HANDLE = 'd_9mV0bZ3qgB5sN7tKc2XwYh1LfRjP4uAeDiQoTzGvSx6WkMnUaEyHrJbCdFpIl8Ot'

/** One of some words. */
export const oneOf = <Word extends string>(values: readonly Word[], options: object = {}): TUnsafe<Word> =>
  Type.Unsafe<Word>({ type: 'string', enum: values, ...options })
const time = (description: string) => Type.String({ description, format: 'date-time' })
const maybe = (description: string, more: object = {}) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description, ...more })

const PROBLEM_FIELDS = {
  type: Type.String({
    description: 'Where the code is explained; relative to this server.',
    format: 'uri-reference',
  }),
  title: Type.String({ description: 'The same for every occurrence of the code.' }),
  status: Type.Integer({ description: 'Status of the answer.' }),
  detail: Type.String({ description: 'What is wrong this time.' }),
  code: Type.Unsafe<ProblemCode>({
    type: 'string',
    enum: Object.keys(PROBLEMS),
    description: 'Stable; match on this.',
  }),
  instance: Type.String({ description: 'Id of the request, as in the log.', format: 'uri' }),
}

/** Schemas that the OpenAPI document names. */
export const SHARED_SCHEMAS: readonly TSchema[] = [
  record({ ...PROBLEM_FIELDS }, { $id: 'Problem', title: 'Problem', description: 'An error, RFC 9457.' }),
  record(
    {
      ...PROBLEM_FIELDS,
      error: Type.String({ description: 'RFC 6749 section 5.2.', examples: ['invalid_grant'] }),
      error_description: Type.String(),
    },
    { $id: 'OAuthError', title: 'OAuthError', description: 'An error of the token endpoint: RFC 9457 and RFC 6749.' },
  ),
  record(
    {
      puid: Puid,
      state: oneOf(['online', 'away', 'unavailable', 'offline', 'unknown'], {
        description: '`unknown`: the server has not heard the person since its restart.',
      }),
      message: Type.String({ description: 'Status or away message if the person shares it, else empty.' }),
      since: time('When this state began.'),
      version: Type.Integer({ description: 'Grows with every change. Drop what is older than what you have.' }),
      cause: oneOf(['device', 'idle', 'contact-lost', 'user', 'window', 'restart', 'revoked']),
      asOf: time('When this was told.'),
    },
    { $id: 'Presence', title: 'Presence', description: 'A person as your application sees them.' },
  ),
  record(
    {
      id: Type.String({ pattern: '^[0-9a-f]{32}$', examples: [EXAMPLE_RING] }),
      state: oneOf(['queued', 'sent', 'delivered', 'accepted', 'dismissed', 'missed', 'withdrawn', 'failed'], {
        description:
          'In this order, but for one step back: `sent` becomes `queued` with reason `unanswered` while no device acknowledges it. The last five are final; a ring gets exactly one of them.',
      }),
      reason: maybe(
        'Why it is queued (`offline`: nobody to ring is in contact, `unavailable`: kept silently, `unanswered`: no device has acknowledged it for 8 s; it goes out with the next packet of each), failed, or withdrawn (`replaced`: a newer ring has its collapse key).',
      ),
      createdAt: time('When it was accepted.'),
      deadlineAt: time('When it becomes missed.'),
      deliveredAt: maybe('First authenticated receipt by a device.', { format: 'date-time' }),
      shownAt: maybe('First display by a device.', { format: 'date-time' }),
      endedAt: maybe('When it got its final state.', { format: 'date-time' }),
      by: maybe('PUID of who accepted or dismissed.'),
      deviceClass: Type.Unsafe<DeviceClass | null>({
        type: ['string', 'null'],
        enum: [...DEVICE_CLASSES, null],
        description: 'What the device that accepted or dismissed says it is.',
      }),
      deviceHandle: maybe('Rings the device that accepted, and no other, in place of a PUID in `to`.'),
      deviceHandleExpiresAt: maybe('Until when it does: 10 minutes.', { format: 'date-time' }),
      reply: maybe('Reply of the device that accepted, base64url.'),
    },
    { $id: 'Ring', title: 'Ring', description: 'A live notification.' },
  ),
  record(
    {
      puid: Puid,
      error: record({ code: Type.Literal('unknown-puid'), title: Type.String() }),
    },
    {
      $id: 'UnknownPuid',
      title: 'UnknownPuid',
      description: 'Stands in a list where the PUID is not one of your application.',
    },
  ),
]

/** `Presence` by name. */
export const PresenceRef: TUnsafe<PresenceJson> = Type.Unsafe<PresenceJson>({ $ref: 'Presence#' })
/** `Ring` by name. */
export const RingRef: TUnsafe<RingJson> = Type.Unsafe<RingJson>({ $ref: 'Ring#' })
const ProblemRef = Type.Unsafe<ProblemDocument>({ $ref: 'Problem#' })

/** What stands in a list for a PUID that is not one of the application. */
export interface UnknownPuidJson {
  puid: string
  error: { code: 'unknown-puid'; title: string }
}

/** One entry of a list: a person, or what stands for an unknown PUID. */
export const PresenceOrUnknown: TUnsafe<PresenceJson | UnknownPuidJson> = Type.Unsafe<PresenceJson | UnknownPuidJson>({
  anyOf: [{ $ref: 'Presence#' }, { $ref: 'UnknownPuid#' }],
})

/** Entry for an unknown PUID. */
export function unknownPuid(puid: string): UnknownPuidJson {
  return { puid, error: { code: 'unknown-puid', title: PROBLEMS['unknown-puid'].title } }
}

/** Header fields of answers to applications. */
export const LIMIT_HEADERS = {
  'ratelimit-policy': {
    type: 'string',
    description:
      'Limits: `q` units in `w` seconds (draft-ietf-httpapi-ratelimit-headers). `app`: a request costs one unit; one that names many PUIDs one for each ten begun. Where you ring, also `puid`: rings to one PUID, that of the pool which has least left; and `rings`: open rings.',
  },
  ratelimit: { type: 'string', description: '`r` units left; full again in `t` seconds.' },
} as const

/** Codes that every route can answer with. */
const EVERYWHERE: readonly ProblemCode[] = [
  'bad-http',
  'request-timeout',
  'expectation-failed',
  'too-many-connections',
  'headers-too-large',
  'internal',
  'unavailable',
]

/** Error answers of a route, one entry for each status, with every code explained. */
export function problems(...codes: ProblemCode[]): Record<number, TUnsafe<ProblemDocument>> {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of new Set([...codes, ...EVERYWHERE])) {
    const { status } = PROBLEMS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const answers: Record<number, TUnsafe<ProblemDocument>> = {}
  for (const [status, rows] of byStatus) {
    const description = rows.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' ')
    const examples = Object.fromEntries(rows.map((code) => [code, { value: problemDocument(code, '', EXAMPLE_ID) }]))
    answers[status] = answer(description, ProblemRef, { mediaType: PROBLEM_TYPE, examples })
  }
  return answers
}

/** One answer as Fastify and its OpenAPI plugin take it. */
export function answer<Body>(
  description: string,
  schema: TUnsafe<Body> | TSchema,
  options: { mediaType?: string; headers?: object; examples?: object } = {},
): TUnsafe<Body> {
  const { mediaType = 'application/json', headers, examples } = options
  const media = { schema, ...(examples && { examples }) }
  return Type.Unsafe<Body>({ description, ...(headers && { headers }), content: { [mediaType]: media } })
}

/** Values for the examples of the document. */
export const EXAMPLES = {
  puid: EXAMPLE_PUID,
  presence: {
    puid: EXAMPLE_PUID,
    state: 'away',
    message: 'back at three',
    since: '2026-11-21T13:40:12.250Z',
    version: 7583719020134401,
    cause: 'idle',
    asOf: '2026-11-21T14:02:00.000Z',
  },
  ring: {
    id: EXAMPLE_RING,
    state: 'accepted',
    reason: null,
    createdAt: '2026-11-21T14:02:00.000Z',
    deadlineAt: '2026-11-21T14:02:30.000Z',
    deliveredAt: '2026-11-21T14:02:00.190Z',
    shownAt: '2026-11-21T14:02:00.210Z',
    endedAt: '2026-11-21T14:02:06.871Z',
    by: EXAMPLE_PUID,
    deviceClass: 'phone',
    deviceHandle: EXAMPLE_HANDLE,
    deviceHandleExpiresAt: '2026-11-21T14:12:06.871Z',
    reply: null,
  },
} as const
