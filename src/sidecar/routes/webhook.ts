import { Type } from 'typebox'
import { NO_WEBHOOK } from '../../webhook/config.js'
import { callerOf } from '../caller.js'
import type { App, Context } from '../context.js'
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

const COMMON = { tags: ['webhooks'], security: [{ bearer: [] }] }
const BODY = ['malformed-json', 'body-too-large', 'unsupported-media-type'] as const
const ALWAYS = ['unauthorized', 'missing-scope', 'not-a-live-key', 'rate-limited'] as const
const webhookAnswer = (description: string, value: object = WEBHOOK_EXAMPLES.webhook) =>
  answer(description, WebhookRef, { headers: LIMIT_HEADERS, examples: { webhook: { value } } })
const deliveryAnswer = (description: string) =>
  answer(description, DeliveryRef, {
    headers: LIMIT_HEADERS,
    examples: { delivered: { value: WEBHOOK_EXAMPLES.delivery } },
  })

/** `/v1/webhook`: where and how an application is told, and what was sent. */
export function webhookRoutes(app: App, context: Context): void {
  settingRoutes(app, context)
  secretRoute(app, context)
  sendingRoutes(app, context)
}

function settingRoutes(app: App, context: Context): void {
  app.get(
    '/v1/webhook',
    {
      schema: {
        ...COMMON,
        operationId: 'readWebhook',
        summary: 'Where and how your application is told',
        response: { 200: webhookAnswer('The webhook.'), ...problems(...ALWAYS, 'unknown-webhook') },
      },
    },
    async (request) => {
      const { webhook, secret } = await context.link.webhook(callerOf(request).app, { kind: 'read' }, 'webhook')
      return webhookJson(webhook, secret)
    },
  )

  app.put(
    '/v1/webhook',
    {
      schema: {
        ...COMMON,
        operationId: 'setWebhook',
        summary: 'Set where and how your application is told',
        description:
          'Replaces all settings; what is left out has its default. The first time a secret is made and told. An endpoint that was disabled goes on.',
        body: WebhookRequest,
        response: {
          200: webhookAnswer('The webhook.', WEBHOOK_EXAMPLES.made),
          ...problems(...ALWAYS, ...BODY, 'invalid-request', 'webhook-invalid'),
        },
      },
    },
    async (request) => {
      const { url, events = NO_WEBHOOK.events, minHoldMs = 0, coalesceMs = 0, paused = false } = request.body
      const settings = { url, events: [...events], minHoldMs, coalesceMs, isPaused: paused }
      const ask = { kind: 'set', settings } as const
      const { webhook, secret } = await context.link.webhook(callerOf(request).app, ask, 'webhook')
      return webhookJson(webhook, secret)
    },
  )

  app.delete(
    '/v1/webhook',
    {
      schema: {
        ...COMMON,
        operationId: 'removeWebhook',
        summary: 'Tell your application nothing more',
        description: 'What waits is dropped, and the secrets are forgotten.',
        response: {
          200: answer('It is removed.', record({ removed: Type.Literal(true) }), {
            headers: LIMIT_HEADERS,
            examples: { removed: { value: { removed: true } } },
          }),
          ...problems(...ALWAYS, ...BODY, 'unknown-webhook'),
        },
      },
    },
    async (request) => {
      await context.link.webhook(callerOf(request).app, { kind: 'remove' }, 'removed')
      return { removed: true as const }
    },
  )
}

function secretRoute(app: App, context: Context): void {
  app.post(
    '/v1/webhook/secret',
    {
      schema: {
        ...COMMON,
        operationId: 'rotateWebhookSecret',
        summary: 'Make a new signing secret',
        description:
          'It is told in this answer only. The last one signs for a day more: the header then has a signature for each.',
        response: {
          200: webhookAnswer('The webhook with its new secret.', WEBHOOK_EXAMPLES.made),
          ...problems(...ALWAYS, ...BODY, 'unknown-webhook'),
        },
      },
    },
    async (request) => {
      const { webhook, secret } = await context.link.webhook(callerOf(request).app, { kind: 'rotate' }, 'webhook')
      return webhookJson(webhook, secret)
    },
  )
}

function sendingRoutes(app: App, context: Context): void {
  app.post(
    '/v1/webhook/test',
    {
      schema: {
        ...COMMON,
        operationId: 'testWebhook',
        summary: 'Send a signed test event',
        description: 'It is sent at once and once, also while the webhook is paused or disabled.',
        response: {
          200: deliveryAnswer('What came of it.'),
          ...problems(...ALWAYS, ...BODY, 'unknown-webhook'),
        },
      },
    },
    async (request) => {
      const { delivery } = await context.link.webhook(callerOf(request).app, { kind: 'test' }, 'delivery')
      return deliveryJson(delivery)
    },
  )

  app.get(
    '/v1/webhook/deliveries',
    {
      schema: {
        ...COMMON,
        operationId: 'listDeliveries',
        summary: 'What was sent lately',
        description: 'The last hundred, the newest first, kept in memory: a restart of the server forgets them.',
        response: {
          200: answer('The deliveries.', DeliveriesJson, {
            headers: LIMIT_HEADERS,
            examples: { one: { value: { deliveries: [WEBHOOK_EXAMPLES.delivery] } } },
          }),
          ...problems(...ALWAYS),
        },
      },
    },
    async (request) => {
      const { deliveries } = await context.link.webhook(callerOf(request).app, { kind: 'deliveries' }, 'deliveries')
      return { deliveries: deliveries.map(deliveryJson) }
    },
  )

  app.post(
    '/v1/webhook/deliveries/:id/replay',
    {
      schema: {
        ...COMMON,
        operationId: 'replayDelivery',
        summary: 'Send again what a delivery told',
        description: 'Under the same `webhook-id`. Versions tell whether it is older than what you know.',
        params: record({ id: Type.String({ description: 'Id of the delivery.', examples: ['dlv_1'] }) }),
        response: {
          200: deliveryAnswer('The new delivery; read the list for what came of it.'),
          ...problems(...ALWAYS, ...BODY, 'unknown-delivery'),
        },
      },
    },
    async (request) => {
      const ask = { kind: 'replay', delivery: request.params.id } as const
      const { delivery } = await context.link.webhook(callerOf(request).app, ask, 'delivery')
      return deliveryJson(delivery)
    },
  )
}
