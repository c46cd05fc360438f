/** JSON of webhooks: what the routes take and answer, and what endpoints are sent. */
import { type Static, type TSchema, type TUnsafe, Type } from 'typebox'
import type { ShownWebhook } from '../webhook/ask.js'
import { DAMPING_MAX_MS, URL_CHARACTERS_MAX, WANTED_EVENTS, type WantedEvent } from '../webhook/config.js'
import type { Delivery } from '../webhook/message.js'
import { isoTime } from '../webhook/view.js'
import { record } from './schema.js'

const time = (description: string) => Type.String({ description, format: 'date-time' })
const maybeTime = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], format: 'date-time', description })
const damping = (description: string) => Type.Integer({ description, minimum: 0, maximum: DAMPING_MAX_MS, default: 0 })

const Events = Type.Array(Type.Unsafe<WantedEvent>({ type: 'string', enum: [...WANTED_EVENTS] }), {
  description: '`presence.changed` brings `presence.restarted` and `presence.reset` along.',
  uniqueItems: true,
})
const Url = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  format: 'uri',
  maxLength: URL_CHARACTERS_MAX,
  description: 'Your endpoint; null: nothing is sent, and only the damping counts, for streams.',
})
const MIN_HOLD = 'A state is told when it has held so long, by webhook and stream.'
const COALESCE = "A person's changes are told so far apart at least, the latest of them, by webhook and stream."
const PAUSED = 'What happens is kept for two days, and sent when you go on.'

const EXAMPLE_SETTINGS = {
  url: 'https://chat.example/pilotlight',
  events: ['presence.changed', 'ring.ended'],
  minHoldMs: 5000,
  coalesceMs: 0,
  paused: false,
}

/** Body of `PUT /v1/webhook`. */
export const WebhookRequest = record(
  {
    url: Url,
    events: Type.Optional(Events),
    minHoldMs: Type.Optional(damping(MIN_HOLD)),
    coalesceMs: Type.Optional(damping(COALESCE)),
    paused: Type.Optional(Type.Boolean({ description: PAUSED })),
  },
  { examples: [EXAMPLE_SETTINGS] },
)

const Webhook = record(
  {
    url: Url,
    events: Events,
    minHoldMs: damping(MIN_HOLD),
    coalesceMs: damping(COALESCE),
    paused: Type.Boolean({ description: PAUSED }),
    disabled: Type.Unsafe<{ reason: 'gone'; at: string } | null>({
      type: ['object', 'null'],
      description: 'Your endpoint answered 410: nothing is kept or sent until you set the webhook again.',
      properties: { reason: { type: 'string', enum: ['gone'] }, at: { type: 'string', format: 'date-time' } },
      required: ['reason', 'at'],
      additionalProperties: false,
    }),
    secrets: Type.Integer({ description: 'How many secrets sign: two for a day after a rotation.' }),
    secret: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'The signing secret, `whsec_...`; told once, when it is made.',
    }),
  },
  { $id: 'Webhook', title: 'Webhook', description: 'Where and how your application is told.' },
)

const DeliveryRecord = record(
  {
    id: Type.String({ description: 'For replay.' }),
    webhookId: Type.String({ description: 'Header `webhook-id`.' }),
    types: Type.Array(Type.String(), { description: 'Types of its events.' }),
    createdAt: time('When it was first tried.'),
    state: Type.Unsafe<Delivery['state']>({ type: 'string', enum: ['waiting', 'delivered', 'failed'] }),
    nextAt: maybeTime('When it is tried again.'),
    attempts: Type.Array(
      record({
        at: time('When it was sent.'),
        status: Type.Integer({ description: 'HTTP status of your answer, 0 without one.' }),
        failure: Type.Unsafe<string | null>({
          type: ['string', 'null'],
          description:
            'null: 2xx. Else `status`, `gone` (410), `redirect`, `timeout`, `dns`, `private-address`, `tls`, `connection` or `interrupted`.',
        }),
        latencyMs: Type.Integer({ description: 'From the look-up of the name to the end of your answer.' }),
      }),
      { description: 'The last ten.' },
    ),
  },
  { $id: 'Delivery', title: 'Delivery', description: 'One message to your endpoint, and what came of it.' },
)

/** Schemas that the OpenAPI document names. */
export const WEBHOOK_SCHEMAS: readonly TSchema[] = [Webhook, DeliveryRecord]

/** A webhook as its owner reads it, by name. */
export const WebhookRef: TUnsafe<Static<typeof Webhook>> = Type.Unsafe<Static<typeof Webhook>>({ $ref: 'Webhook#' })
/** One delivery, by name. */
export const DeliveryRef: TUnsafe<Static<typeof DeliveryRecord>> = Type.Unsafe<Static<typeof DeliveryRecord>>({
  $ref: 'Delivery#',
})

/** The deliveries of an application. */
export const DeliveriesJson = record({ deliveries: Type.Array(DeliveryRef) })

/** A webhook as JSON. @param secret '' none was made. */
export function webhookJson({ isPaused, disabled, ...shown }: ShownWebhook, secret: string) {
  return {
    ...shown,
    paused: isPaused,
    disabled: disabled === null ? null : { reason: disabled.reason, at: isoTime(disabled.atMs) },
    secret: secret === '' ? null : secret,
  }
}

/** A delivery as JSON. */
export function deliveryJson({ id, webhookId, types, createdMs, state, attempts, nextMs }: Delivery) {
  return {
    ...{ id, webhookId, types, state },
    createdAt: isoTime(createdMs),
    nextAt: nextMs === 0 ? null : isoTime(nextMs),
    attempts: attempts.map(({ atMs, status, failure, latencyMs }) => ({
      at: isoTime(atMs),
      status,
      failure: failure === '' ? null : failure,
      latencyMs,
    })),
  }
}

/** For the examples of the document. */
export const WEBHOOK_EXAMPLES = {
  webhook: { ...EXAMPLE_SETTINGS, disabled: null, secrets: 1, secret: null },
  made: {
    ...EXAMPLE_SETTINGS,
    disabled: null,
    secrets: 1,
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw3WJ7pXhZ2Vk=',
  },
  delivery: {
    id: 'dlv_1',
    webhookId: 'test_mi8z2k1c.1',
    types: ['webhook.test'],
    state: 'delivered',
    createdAt: '2026-11-21T14:02:00.000Z',
    nextAt: null,
    attempts: [{ at: '2026-11-21T14:02:00.000Z', status: 204, failure: null, latencyMs: 41 }],
  },
} as const
