/** The `webhooks` of the OpenAPI document: every event that an endpoint is sent. */
import { BATCH_EVENTS_MAX } from '../webhook/event.js'
import { closed } from './event-schema.js'
import { EXAMPLES } from './schema.js'

const time = (description: string) => ({ type: 'string', format: 'date-time', description })

interface EventRow {
  summary: string
  description: string
  id: string
  example: object
}

const EVENTS: Readonly<Record<string, EventRow>> = {
  'presence.changed': {
    summary: 'A person changed',
    description:
      'Drop it if its `version` is not above the one you have. One that could not be delivered within an hour gives way to the latest state of that person.',
    id: `presence_${EXAMPLES.puid}_${EXAMPLES.presence.version}`,
    example: EXAMPLES.presence,
  },
  'presence.restarted': {
    summary: 'The server restarted',
    description: 'Voids every state told before. Who is heard again is told by a change with cause `restart`.',
    id: 'restarted_1795262400000',
    example: { bootedAt: '2026-11-21T12:00:00.000Z', offlineAt: '2026-11-21T12:30:00.000Z' },
  },
  'presence.reset': {
    summary: 'Changes were given up',
    description:
      'Too many waited, or they waited for two days: what you know of presence may be out of date. Ask anew.',
    id: 'reset_batch_mi8z2k1c.7.1',
    example: { reason: 'overflow' },
  },
  'ring.changed': {
    summary: 'A ring went on',
    description: 'It has not ended. One that comes after the end of its ring says nothing.',
    id: `ring_${EXAMPLES.ring.id}_delivered_1`,
    example: { ...EXAMPLES.ring, state: 'delivered', endedAt: null, by: null },
  },
  'ring.ended': {
    summary: 'A ring ended',
    description: 'Exactly one for each ring, alone in its request: `webhook-id` is its id, made of ring and state.',
    id: `ring_${EXAMPLES.ring.id}_accepted`,
    example: EXAMPLES.ring,
  },
  'webhook.test': {
    summary: 'You asked for a test',
    description: 'After `POST /v1/webhook/test`.',
    id: 'test_mi8z2k1c.1',
    example: {},
  },
}

const header = (name: string, description: string) => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
})

const HEADERS = [
  header('webhook-id', 'The same whenever this message is sent again.'),
  header('webhook-timestamp', 'Unix seconds of this try.'),
  header('webhook-signature', 'One `v1,` and base64 for each secret, separated by spaces (Standard Webhooks).'),
]

/** The section by event. */
export function webhookDocument(): Record<string, object> {
  return Object.fromEntries(Object.entries(EVENTS).map(([type, row]) => [type, { post: operation(type, row) }]))
}

function operation(type: string, { summary, description, id, example }: EventRow): object {
  const timestamp = '2026-11-21T14:02:06.871Z'
  const schema = closed({
    type: { const: 'events' },
    timestamp: time('When the request was made.'),
    data: {
      type: 'array',
      description: 'In order; of other types too.',
      minItems: 1,
      maxItems: BATCH_EVENTS_MAX,
      items: { $ref: '#/components/schemas/WebhookEvent' },
      contains: { properties: { type: { const: type } } },
    },
  })
  const value = { type: 'events', timestamp, data: [{ id, type, timestamp, data: example }] }
  return {
    operationId: `on.${type}`,
    summary,
    description,
    tags: ['webhooks'],
    security: [], // the signature says who asks
    parameters: HEADERS,
    requestBody: { required: true, content: { 'application/json': { schema, examples: { event: { value } } } } },
    responses: {
      '2XX': { description: 'You took it. Any body is ignored.' },
      '410': { description: 'You want nothing more: the webhook is disabled.' },
      '429': { description: 'Later: Retry-After is honoured, here and with 503.' },
      default: { description: 'It is sent again, ever more seldom, for two days. Redirects are not followed.' },
    },
  }
}
