import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { base64url, fromBase64url } from '../../base/base64.js'
import { BucketTable, TokenBucket } from '../../base/token-bucket.js'
import { isLoopback, limitKey } from '../address.js'
import type { App, Context } from '../context.js'
import { type OnRequest, whenReady } from '../guard.js'
import { tellAddress } from '../limit-headers.js'
import { Problem } from '../problem.js'
import { answer, problems, record } from '../schema.js'

/** Addresses whose enrolments are remembered. */
const ADDRESSES_MAX = 10_000
const MINUTE_MS = 60_000
const PUBLIC_KEY_BYTES = 32

const Enrolled = record(
  {
    deviceId: Type.String({ examples: ['dev_3f9c2b7a10d4e586'] }),
    psk: Type.String({ description: "The device's 32-byte key for the handshake, base64url. Told once." }),
    serverKeys: Type.Array(Type.String(), {
      description: 'Static public keys of the server, base64url, current first.',
    }),
    endpoints: Type.Array(Type.String(), {
      description: 'Where the channel is reached.',
      examples: [['udp://192.0.2.1:7350']],
    }),
  },
  { title: 'Enrolled' },
)

const NewDevice = record(
  {
    code: Type.String({
      description: 'One-time enrolment code.',
      minLength: 1,
      maxLength: 128,
      pattern: '^[\\x20-\\x7e]*$',
    }),
    publicKey: Type.String({
      description: 'Static X25519 public key of the device, 32 B in base64url without padding.',
      pattern: '^[A-Za-z0-9_-]{43}$',
    }),
    name: Type.String({
      description: 'Shown to the person, e.g. in a list of devices.',
      minLength: 1,
      maxLength: 64,
      pattern: '^[^\\p{Cc}\\p{Cs}]*$',
    }),
  },
  { examples: [{ code: 'K7QX-3MPA-9TZC', publicKey: 'hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo', name: 'Phone' }] },
)

/** `POST /v1/devices`: a device enrols with a one-time code (wire-spec §12.1). */
export function deviceRoutes(app: App, context: Context): void {
  app.post(
    '/v1/devices',
    {
      onRequest: [whenReady(context), demandHttps, withinEnrolLimits(context)],
      schema: {
        operationId: 'enrolDevice',
        summary: 'Enrol a device',
        description:
          'For devices, not for applications. Needs HTTPS except on loopback. 5 a minute for each address by default.',
        tags: ['devices'],
        security: [],
        body: NewDevice,
        response: {
          201: answer('The device is enrolled.', Enrolled),
          ...problems(
            'malformed-json',
            'invalid-request',
            'https-required',
            'bad-code',
            'key-taken',
            'body-too-large',
            'unsupported-media-type',
            'rate-limited',
            'full',
          ),
        },
      },
    },
    async (request, reply) => {
      const { code, name } = request.body
      const publicKey = fromBase64url(request.body.publicKey)
      if (publicKey?.length !== PUBLIC_KEY_BYTES)
        throw new Problem('invalid-request', 'body/publicKey must be 32 B in base64url.')
      const result = await context.link.enrol(code, publicKey, name, request.ip)
      if (!result.ok) throw new Problem(result.code)
      const { deviceId, endpoints } = result
      const body = { deviceId, psk: base64url(result.psk), serverKeys: result.serverKeys.map(base64url), endpoints }
      return reply.code(201).send(body)
    },
  )
}

/**
 * A secret must not cross a network in clear. A connection that a proxy forwarded is not local, whatever its address; what
 * the proxy says of the original connection counts only from a trusted one.
 */
export async function demandHttps(request: FastifyRequest): Promise<void> {
  const { headers } = request
  const forwarded = headers.forwarded ?? headers['x-forwarded-for'] ?? headers['x-forwarded-proto']
  const local = forwarded === undefined && isLoopback(request.socket.remoteAddress)
  if (request.protocol !== 'https' && !local) throw new Problem('https-required')
}

/** Counts guesses of one-time codes. */
export function withinEnrolLimits(context: Context): OnRequest {
  const { enrolPerMinute, enrolPerMinuteTotal } = context.settings
  const byAddress = new BucketTable<string>(enrolPerMinute, MINUTE_MS, ADDRESSES_MAX)
  const total = new TokenBucket(enrolPerMinuteTotal, MINUTE_MS, context.nowMs())
  return async (request, reply) => {
    tellAddress(reply, enrolPerMinute, byAddress.take(limitKey(request.ip), context.nowMs()))
    const grant = total.take(context.nowMs())
    if (!grant.ok) throw new Problem('rate-limited', '', { 'retry-after': String(grant.retryAfterS) })
  }
}
