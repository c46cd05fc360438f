import { type Static, Type } from 'typebox'
import { fromBase64url } from '../../base/base64.js'
import type { NewRing } from '../../hub/message.js'
import { ringJson } from '../../webhook/view.js'
import { callerOf } from '../caller.js'
import type { App, Context } from '../context.js'
import { tellLimit } from '../limit-headers.js'
import { Problem } from '../problem.js'
import { answer, EXAMPLES, LIMIT_HEADERS, oneOf, Puid, problems, RingRef, record, text } from '../schema.js'

/** PUIDs of one pool. */
const POOL_MAX = 64
const DEADLINE_SECONDS = { minimum: 5, maximum: 600, default: 30 }
const STEP_SECONDS = { minimum: 5, maximum: 600 }
/** Not in the schema: it would stand in every request, and only a sequence has steps. */
const STEP_SECONDS_DEFAULT = 20
const COLLAPSE_KEY_CHARACTERS = 64
const WAIT_SECONDS = { minimum: 0, maximum: 60, default: 0 }
const RING_ID = /^[0-9a-f]{32}$/
/** Schemes that would run in the page of whoever opens the URL, or read its files. */
const FORBIDDEN_SCHEMES = new Set(['javascript:', 'data:', 'vbscript:', 'file:', 'blob:'])

const RingRequest = record(
  {
    to: Type.Union([Puid, Type.Array(Puid, { minItems: 1, maxItems: POOL_MAX, uniqueItems: true })], {
      description:
        'Whom to ring: all devices of one person, or a pool, where the first to accept stops the others. In place of a PUID, the device handle of an accept rings that device alone.',
    }),
    title: text('Shown at once.', { minLength: 1 }),
    body: Type.Optional(text('Shown below the title.')),
    url: Type.Optional(text('Absolute URL that accepting opens.', { minLength: 1 })),
    payload: Type.Optional(
      Type.String({
        description: 'Opaque to the server, base64url without padding; encrypt it end to end (RFC 8291).',
        pattern: '^[A-Za-z0-9_-]*$',
      }),
    ),
    deadlineSeconds: Type.Optional(
      Type.Integer({ description: 'After this the ring is missed.', ...DEADLINE_SECONDS }),
    ),
    strategy: Type.Optional(
      oneOf(['all', 'sequence'], {
        description:
          'How a pool is rung: `all` at once, or in `sequence`, one after another in the order of `to`. Who declines or cannot be reached is passed over at once.',
        default: 'all',
      }),
    ),
    stepSeconds: Type.Optional(
      Type.Integer({
        description:
          'With `sequence`: how long each is rung, while there is somebody else who could be; 20 by default.',
        ...STEP_SECONDS,
      }),
    ),
    collapseKey: Type.Optional(
      Type.String({
        description:
          'Takes the place of an open ring of yours to the same person with the same key (compare Topic in RFC 8030): that one is withdrawn with reason `replaced`.',
        minLength: 1,
        maxLength: COLLAPSE_KEY_CHARACTERS,
        pattern: '^[\\x20-\\x7e]*$',
      }),
    ),
  },
  {
    examples: [{ to: EXAMPLES.puid, title: 'Ada is calling', url: 'https://chat.example/call/7', deadlineSeconds: 30 }],
  },
)

const RingParams = record({ id: Type.String({ description: 'Id of the ring.', examples: [EXAMPLES.ring.id] }) })
const ringAnswer = (description: string) =>
  answer(description, RingRef, { headers: LIMIT_HEADERS, examples: { accepted: { value: EXAMPLES.ring } } })

/** `/v1/rings`: send a live notification, learn its outcome, withdraw it. */
export function ringRoutes(app: App, context: Context): void {
  sendRoute(app, context)
  readRoute(app, context)
  withdrawRoute(app, context)
}

function sendRoute(app: App, context: Context): void {
  app.post(
    '/v1/rings',
    {
      schema: {
        operationId: 'sendRing',
        summary: 'Ring a person or a pool',
        description:
          'Title, body, url and payload together may have 1,100 B encoded. With the same `Idempotency-Key` and the same body a request can be repeated for 24 h: the ring is sent once, and the answer is 200.',
        tags: ['rings'],
        security: [{ bearer: [] }],
        headers: Type.Object({
          'idempotency-key': Type.Optional(
            Type.String({
              description: 'Any text of yours, one for each ring.',
              minLength: 1,
              maxLength: 255,
              pattern: '^[\\x20-\\x7e]*$',
            }),
          ),
        }),
        body: RingRequest,
        response: {
          200: ringAnswer('The ring of an earlier request with this idempotency key.'),
          201: ringAnswer('The ring was accepted.'),
          ...problems(
            'malformed-json',
            'invalid-request',
            'ring-invalid',
            'unauthorized',
            'missing-scope',
            'unknown-puid',
            'unknown-device-handle',
            'idempotency-conflict',
            'body-too-large',
            'ring-too-large',
            'unsupported-media-type',
            'rate-limited',
          ),
        },
      },
    },
    async (request, reply) => {
      const ring = newRing(request.body, request.headers['idempotency-key'] ?? '')
      context.quota.chargePuids(request, reply, ring.to.length)
      const accepted = await context.rings.of(context.link.ring(callerOf(request).app, ring))
      for (const limit of accepted.limits ?? []) tellLimit(reply, limit)
      const json = ringJson(accepted.ring)
      if (!accepted.created) return reply.code(200).send(json)
      return reply.code(201).header('location', `/v1/rings/${json.id}`).send(json)
    },
  )
}

function readRoute(app: App, context: Context): void {
  app.get(
    '/v1/rings/:id',
    {
      schema: {
        operationId: 'readRing',
        summary: 'State of a ring, or its outcome',
        description:
          'With `waitSeconds` the answer comes as soon as the ring has a final state, at the latest after that time.',
        tags: ['rings'],
        security: [{ bearer: [] }],
        params: RingParams,
        querystring: record({
          waitSeconds: Type.Optional(
            Type.Integer({ description: 'How long to wait for the outcome.', ...WAIT_SECONDS }),
          ),
        }),
        response: {
          200: ringAnswer('The ring.'),
          ...problems('invalid-request', 'unauthorized', 'missing-scope', 'unknown-ring', 'rate-limited'),
        },
      },
    },
    async (request) => {
      const waitSeconds = request.query.waitSeconds ?? WAIT_SECONDS.default
      return ringJson(
        await context.link.ringOutcome(callerOf(request).app, ringId(request.params.id), waitSeconds * 1000),
      )
    },
  )
}

function withdrawRoute(app: App, context: Context): void {
  app.delete(
    '/v1/rings/:id',
    {
      schema: {
        operationId: 'withdrawRing',
        summary: 'Withdraw a ring',
        tags: ['rings'],
        security: [{ bearer: [] }],
        params: RingParams,
        response: {
          200: ringAnswer('The ring, withdrawn.'),
          ...problems(
            'malformed-json',
            'unsupported-media-type',
            'body-too-large',
            'unauthorized',
            'missing-scope',
            'unknown-ring',
            'ring-ended',
            'rate-limited',
          ),
        },
      },
    },
    async (request) => ringJson(await context.link.withdraw(callerOf(request).app, ringId(request.params.id))),
  )
}

function ringId(id: string): string {
  if (!RING_ID.test(id)) throw new Problem('unknown-ring')
  return id
}

function newRing(json: Static<typeof RingRequest>, idempotencyKey: string): NewRing {
  const to = typeof json.to === 'string' ? [json.to] : json.to
  const payload = json.payload ?? ''
  if (fromBase64url(payload) === null)
    throw new Problem('invalid-request', 'body/payload must be base64url without padding.')
  const url = json.url ?? ''
  if (url !== '' && !isActionUrl(url))
    throw new Problem('ring-invalid', 'body/url must be an absolute URL that is safe to open.')
  const { title, body = '', strategy = 'all', collapseKey = '' } = json
  if (strategy === 'all' && json.stepSeconds !== undefined)
    throw new Problem('invalid-request', 'body/stepSeconds is for the strategy `sequence`.')
  const stepMs = strategy === 'all' ? 0 : (json.stepSeconds ?? STEP_SECONDS_DEFAULT) * 1000
  const deadlineInMs = (json.deadlineSeconds ?? DEADLINE_SECONDS.default) * 1000
  return { to, title, body, url, payload, deadlineInMs, strategy, stepMs, collapseKey, idempotencyKey }
}

function isActionUrl(url: string): boolean {
  return URL.canParse(url) && !FORBIDDEN_SCHEMES.has(new URL(url).protocol)
}
