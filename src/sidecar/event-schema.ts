/** JSON schemas of what applications are told, by stream and by webhook: components of the OpenAPI document. */

const time = (description: string) => ({ type: 'string', format: 'date-time', description })
const named = (name: string) => ({ $ref: `#/components/schemas/${name}` })

/** An object with these fields, all of them, and no other. */
export function closed(properties: Readonly<Record<string, object>>, more: object = {}): object {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false, ...more }
}

const Restarted = closed(
  {
    bootedAt: time('Start of the server.'),
    offlineAt: time('Who was not named by a later event reads `offline` from here on, `unknown` before.'),
  },
  { description: 'The server restarted: voids every state told before. Who is heard again is named by a later event.' },
)

const Snapshot = closed(
  {
    part: { type: 'integer', minimum: 1, description: 'From 1.' },
    parts: { type: 'integer', minimum: 1, description: 'How many there are.' },
    persons: { type: 'array', items: { anyOf: [named('Presence'), named('UnknownPuid')] } },
  },
  { description: 'The persons now visible to your application, or those you named; one part of them.' },
)

const StreamReset = closed(
  { reason: { type: 'string', description: '`overflow`, `stopping`, `unauthorized`, or a code of the server.' } },
  { description: 'The last event of a stream: what you know is out of date, connect again.' },
)

const PresenceReset = closed(
  { reason: { type: 'string', enum: ['overflow', 'expired'] } },
  { description: 'Changes were given up: what you know of presence may be out of date.' },
)

/** What stands under `data`, by type of the event. */
const WEBHOOK_DATA: Readonly<Record<string, object>> = {
  'presence.changed': named('Presence'),
  'presence.restarted': named('Restarted'),
  'presence.reset': named('PresenceReset'),
  'ring.changed': named('Ring'),
  'ring.ended': named('Ring'),
  'webhook.test': { type: 'object', additionalProperties: false },
}

const webhookEvent = ([type, content]: [string, object]) =>
  closed({
    id: { type: 'string', description: 'The same whenever this event is told: drop one that you have seen.' },
    type: { const: type },
    timestamp: time('When it happened.'),
    data: content,
  })

/** By name. */
export const EVENT_SCHEMAS: Readonly<Record<string, object>> = {
  Restarted,
  Snapshot,
  StreamReset,
  PresenceReset,
  WebhookEvent: {
    description: 'What a webhook tells: `type` says which.',
    oneOf: Object.entries(WEBHOOK_DATA).map(webhookEvent),
  },
}

/** What stands in the field `data` of a server-sent event, by its field `event`. */
const STREAM_DATA: Readonly<Record<string, string>> = {
  restarted: 'Restarted',
  snapshot: 'Snapshot',
  presence: 'Presence',
  ring: 'Ring',
  reset: 'StreamReset',
}

/** The events of a stream. OpenAPI 3.1 has no word for them; this is JSON Schema of what the text decodes to. */
export const STREAM_EVENTS: object = {
  type: 'array',
  items: {
    oneOf: Object.entries(STREAM_DATA).map(([event, name]) =>
      closed({
        id: { type: 'string' },
        event: { const: event },
        data: { type: 'string', contentMediaType: 'application/json', contentSchema: named(name) },
      }),
    ),
  },
}
