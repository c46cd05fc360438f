import type { FastifyRequest } from 'fastify'
import { type TProperties, Type } from 'typebox'
import type { AppKey } from '../../hub/message.js'
import { NO_WEBHOOK } from '../../webhook/config.js'
import { callerOf } from '../caller.js'
import type { App, Context } from '../context.js'
import type { OnRequest } from '../guard.js'
import type { ProblemCode } from '../problem.js'
import { answer, LIMIT_HEADERS, problems, record } from '../schema.js'
import {
  DeliveriesJson,
  DeliveryRef,
  deliveryJson,
  WEBHOOK_EXAMPLES,
  WebhookRef,
  WebhookRequest,
  webhookJson,
} from '../webhook-schema.js'

/** Who may come to a webhook, and by which path. */
export interface WebhookDoor {
  path: string
  security: Record<string, string[]>[]
  /** header fields of answers */
  headers: object
  /** what any request may be refused with */
  always: readonly ProblemCode[]
  /** parameters of the path */
  params: TProperties
  /** ends each operation's id */
  suffix: string
  onRequest: OnRequest[]
  /** The application that the request is about. @throws Problem unknown-app. */
  appOf(request: FastifyRequest): Promise<AppKey>
}

/** For the application itself, by a live key with both scopes. */
export const BY_KEY: WebhookDoor = {
  path: '/v1/webhook',
  security: [{ bearer: [] }],
  headers: LIMIT_HEADERS,
  always: ['unauthorized', 'missing-scope', 'not-a-live-key', 'rate-limited'],
  params: {},
  suffix: '',
  onRequest: [],
  appOf: async (request) => callerOf(request).app,
}

const BODY = ['malformed-json', 'body-too-large', 'unsupported-media-type'] as const
const EXAMPLE = WEBHOOK_EXAMPLES.webhook

/** Where and how an application is told, and what was sent: `/v1/webhook`, and the same for its developer. */
export function webhookRoutes(app: App, context: Context, door: WebhookDoor): void {
  settingRoutes(app, context, door)
  removeRoute(app, context, door)
  secretRoute(app, context, door)
  testRoute(app, context, door)
  deliveryRoutes(app, context, door)
}

/** What the schemas of a door's operations have in common. */
function common({ security, params, suffix }: WebhookDoor, operationId: string, more: TProperties = {}) {
  const all = { ...params, ...more }
  const hasParams = Object.keys(all).length > 0
  return {
    tags: ['webhooks'],
    security,
    operationId: `${operationId}${suffix}`,
    ...(hasParams && { params: record(all) }),
  }
}

function webhookAnswer({ headers }: WebhookDoor, description: string, value: object = EXAMPLE) {
  return answer(description, WebhookRef, { headers, examples: { webhook: { value } } })
}

function deliveryAnswer({ headers }: WebhookDoor, description: string) {
  const examples = { delivered: { value: WEBHOOK_EXAMPLES.delivery } }
  return answer(description, DeliveryRef, { headers, examples })
}

function settingRoutes(app: App, context: Context, door: WebhookDoor): void {
  app.get(
    door.path,
    {
      onRequest: door.onRequest,
      schema: {
        ...common(door, 'readWebhook'),
        summary: 'Where and how your application is told',
        response: { 200: webhookAnswer(door, 'The webhook.'), ...problems(...door.always, 'unknown-webhook') },
      },
    },
    async (request) => {
      const { webhook, secret } = await context.link.webhook(await door.appOf(request), { kind: 'read' }, 'webhook')
      return webhookJson(webhook, secret)
    },
  )

  app.put(
    door.path,
    {
      onRequest: door.onRequest,
      schema: {
        ...common(door, 'setWebhook'),
        summary: 'Set where and how your application is told',
        description:
          'Replaces all settings; what is left out has its default. The first time a secret is made and told. An endpoint that was disabled goes on.',
        body: WebhookRequest,
        response: {
          200: webhookAnswer(door, 'The webhook.', WEBHOOK_EXAMPLES.made),
          ...problems(...door.always, ...BODY, 'invalid-request', 'webhook-invalid'),
        },
      },
    },
    async (request) => {
      const { url, events = NO_WEBHOOK.events, minHoldMs = 0, coalesceMs = 0, paused = false } = request.body
      const settings = { url, events: [...events], minHoldMs, coalesceMs, isPaused: paused }
      const ask = { kind: 'set', settings } as const
      const { webhook, secret } = await context.link.webhook(await door.appOf(request), ask, 'webhook')
      return webhookJson(webhook, secret)
    },
  )
}

function removeRoute(app: App, context: Context, door: WebhookDoor): void {
  app.delete(
    door.path,
    {
      onRequest: door.onRequest,
      schema: {
        ...common(door, 'removeWebhook'),
        summary: 'Tell your application nothing more',
        description: 'What waits is dropped, and the secrets are forgotten.',
        response: {
          200: answer('It is removed.', record({ removed: Type.Literal(true) }), {
            headers: door.headers,
            examples: { removed: { value: { removed: true } } },
          }),
          ...problems(...door.always, ...BODY, 'unknown-webhook'),
        },
      },
    },
    async (request) => {
      await context.link.webhook(await door.appOf(request), { kind: 'remove' }, 'removed')
      return { removed: true as const }
    },
  )
}

function secretRoute(app: App, context: Context, door: WebhookDoor): void {
  app.post(
    `${door.path}/secret`,
    {
      onRequest: door.onRequest,
      schema: {
        ...common(door, 'rotateWebhookSecret'),
        summary: 'Make a new signing secret',
        description:
          'It is told in this answer only. The last one signs for a day more: the header then has a signature for each.',
        response: {
          200: webhookAnswer(door, 'The webhook with its new secret.', WEBHOOK_EXAMPLES.made),
          ...problems(...door.always, ...BODY, 'unknown-webhook'),
        },
      },
    },
    async (request) => {
      const { webhook, secret } = await context.link.webhook(await door.appOf(request), { kind: 'rotate' }, 'webhook')
      return webhookJson(webhook, secret)
    },
  )
}

function testRoute(app: App, context: Context, door: WebhookDoor): void {
  app.post(
    `${door.path}/test`,
    {
      onRequest: door.onRequest,
      schema: {
        ...common(door, 'testWebhook'),
        summary: 'Send a signed test event',
        description: 'It is sent at once and once, also while the webhook is paused or disabled.',
        response: {
          200: deliveryAnswer(door, 'What came of it.'),
          ...problems(...door.always, ...BODY, 'unknown-webhook'),
        },
      },
    },
    async (request) => {
      const { delivery } = await context.link.webhook(await door.appOf(request), { kind: 'test' }, 'delivery')
      return deliveryJson(delivery)
    },
  )
}

function deliveryRoutes(app: App, context: Context, door: WebhookDoor): void {
  app.get(
    `${door.path}/deliveries`,
    {
      onRequest: door.onRequest,
      schema: {
        ...common(door, 'listDeliveries'),
        summary: 'What was sent lately',
        description: 'The last hundred, the newest first, kept in memory: a restart of the server forgets them.',
        response: {
          200: answer('The deliveries.', DeliveriesJson, {
            headers: door.headers,
            examples: { one: { value: { deliveries: [WEBHOOK_EXAMPLES.delivery] } } },
          }),
          ...problems(...door.always),
        },
      },
    },
    async (request) => {
      const { deliveries } = await context.link.webhook(await door.appOf(request), { kind: 'deliveries' }, 'deliveries')
      return { deliveries: deliveries.map(deliveryJson) }
    },
  )

  app.post(
    `${door.path}/deliveries/:id/replay`,
    {
      onRequest: door.onRequest,
      schema: {
        ...common(door, 'replayDelivery', {
          id: Type.String({ description: 'Id of the delivery.', examples: ['dlv_1'] }),
        }),
        summary: 'Send again what a delivery told',
        description: 'Under the same `webhook-id`. Versions tell whether it is older than what you know.',
        response: {
          200: deliveryAnswer(door, 'The new delivery; read the list for what came of it.'),
          ...problems(...door.always, ...BODY, 'unknown-delivery'),
        },
      },
    },
    async (request) => {
      const ask = { kind: 'replay', delivery: (request.params as { id: string }).id } as const
      const { delivery } = await context.link.webhook(await door.appOf(request), ask, 'delivery')
      return deliveryJson(delivery)
    },
  )
}
