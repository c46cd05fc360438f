import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { AppKey, PresenceView } from '../../hub/message.js'
import { isoTime, presenceJson, ringJson } from '../../webhook/view.js'
import { callerOf } from '../caller.js'
import { AddressCounts } from '../connections.js'
import type { App, Context } from '../context.js'
import { STREAM_EVENTS } from '../event-schema.js'
import { EventStream } from '../event-stream.js'
import type { StreamEvent } from '../link.js'
import { Problem } from '../problem.js'
import { answer, LIMIT_HEADERS, PUID_PATTERN, Puid, problems, record } from '../schema.js'
import { inOrder } from './presence.js'

/** Persons in one `snapshot` event. */
const SNAPSHOT_PERSONS = 250
/** What fits a request line of 16 KiB; more PUIDs need several streams, or none: then everybody visible is told. */
const STREAM_PUIDS_MAX = 400
/** Told to the browser's EventSource. */
const RETRY_MS = 2000

const DESCRIPTION = `Server-sent events. Each has an \`id\`.

| event | data |
|---|---|
| \`restarted\` | a Restarted: voids every state told before; who is not named by a later event reads \`unknown\`, and \`offline\` from \`offlineAt\` on |
| \`snapshot\` | a Snapshot: the persons now visible to your application, or those you named; comes first, in one or more parts |
| \`presence\` | a Presence: one person changed |
| \`ring\` | a Ring: one of your rings changed; only for a key with \`rings:write\` |
| \`reset\` | a StreamReset: the last event; what you know is out of date, connect again. For \`unauthorized\` with another key: this one was rotated away |

A comment line comes every 15 s on an idle stream. Reconnect with \`Last-Event-ID\`. If the server
has not restarted since, a fresh snapshot follows. If it has, \`restarted\` comes, and then a \`presence\` event for each
person heard since the restart, in place of the snapshot.`

const EXAMPLE = `id: mi8z2k1c-5b0c77d1.1
event: snapshot
data: {"part":1,"parts":1,"persons":[]}

`

/** `GET /v1/presence/stream`. */
export function streamRoutes(app: App, context: Context): void {
  const open = new Map<AppKey, number>()
  const addresses = new AddressCounts()
  app.get(
    '/v1/presence/stream',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'streamPresence',
        summary: 'Changes as they happen',
        description: DESCRIPTION,
        tags: ['presence'],
        security: [{ bearer: [] }],
        querystring: record({
          puid: Type.Optional(
            Type.Array(Puid, {
              description: 'Only these persons; may be repeated.',
              minItems: 1,
              maxItems: STREAM_PUIDS_MAX,
            }),
          ),
        }),
        headers: Type.Object({
          'last-event-id': Type.Optional(Type.String({ maxLength: 200, description: 'Id of the last event you got.' })),
        }),
        response: {
          200: answer(
            'The stream.',
            Type.String({ contentMediaType: 'text/event-stream', contentSchema: STREAM_EVENTS }),
            {
              mediaType: 'text/event-stream',
              headers: LIMIT_HEADERS,
              examples: { start: { value: EXAMPLE } },
            },
          ),
          ...problems('invalid-request', 'unauthorized', 'missing-scope', 'rate-limited', 'too-many-streams'),
        },
      },
    },
    (request, reply) => {
      const { app: key, key: apiKey } = callerOf(request)
      context.quota.chargePuids(request, reply, request.query.puid?.length ?? 0)
      const count = (open.get(key) ?? 0) + 1
      if (count > context.settings.streamsPerApp) throw new Problem('too-many-streams', '', { 'retry-after': '30' })
      if (addresses.of(request.ip) >= context.settings.streamsPerAddress) {
        throw new Problem('too-many-streams', 'Too many open streams from this address.', { 'retry-after': '30' })
      }
      const raw = startEvents(reply)
      if (raw.destroyed) return
      open.set(key, count)
      const leave = addresses.add(request.ip)
      const asked = {
        puids: request.query.puid ?? null,
        heardBootMs: bootOf(request.headers['last-event-id']),
        hearsRings: apiKey.scopes.includes('rings:write'),
      }
      const hasKey = () => context.link.keys.find(request.headers.authorization)?.app === key
      run(context, { app: key, hasKey }, asked, raw, () => {
        leave()
        const left = (open.get(key) ?? 1) - 1
        if (left === 0) open.delete(key)
        else open.set(key, left)
      })
    },
  )
}

/** Takes the answer out of Fastify's hands and writes its head. */
function startEvents(reply: FastifyReply): ServerResponse {
  const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }
  reply.hijack()
  reply.raw.writeHead(200, headers as Record<string, string>)
  reply.raw.write(`retry: ${RETRY_MS}\n\n`)
  return reply.raw
}

/** Who reads. */
interface Reader {
  app: AppKey
  /** whether the API key that opened the stream is still live */
  hasKey(): boolean
}

/** What a reader asks for. */
interface Asked {
  puids: string[] | null
  heardBootMs: number | null
  /** the key may ring */
  hearsRings: boolean
}

/** Start of the server that gave out an event id, ms; null for none, or an id that is not ours. */
function bootOf(lastEventId: string | undefined): number | null {
  const boot = /^([0-9a-z]{1,10})-[0-9a-f]{8}\.\d+$/.exec(lastEventId ?? '')?.[1]
  return boot === undefined ? null : Number.parseInt(boot, 36)
}

/** Joins one reader and one subscription until either ends. */
function run(context: Context, { app, hasKey }: Reader, asked: Asked, raw: ServerResponse, onEnd: () => void): void {
  const { heartbeatMs, streamBufferBytes, bootedMs } = context.settings
  const { puids, heardBootMs, hearsRings } = asked
  const stream = new EventStream(raw, {
    heartbeatMs,
    bufferBytes: streamBufferBytes,
    idPrefix: `${bootedMs.toString(36)}-${randomUUID().slice(0, 8)}`,
    onEnd: () => {
      subscription.close()
      leaveStop()
      leaveKeys()
      onEnd()
    },
  })
  const known = puids === null ? null : [...new Set(puids)].filter((puid) => PUID_PATTERN.test(puid))
  const leaveStop = context.link.onStop(() => stream.reset('stopping'))
  const leaveKeys = context.link.onKeys(() => {
    if (!hasKey()) stream.reset('unauthorized')
  })
  const subscription = context.link.subscribe(app, known, heardBootMs, (event) => {
    if (hearsRings || event.kind !== 'ring-change') forward(stream, event, puids)
  })
}

function forward(stream: EventStream, event: StreamEvent, puids: string[] | null): void {
  if (event.kind === 'snapshot') stream.sendAll('snapshot', snapshotParts(event.views, puids))
  else if (event.kind === 'change') stream.send('presence', presenceJson(event.view))
  else if (event.kind === 'ring-change') stream.send('ring', ringJson(event.ring))
  else if (event.kind === 'restarted')
    stream.send('restarted', { bootedAt: isoTime(event.bootedMs), offlineAt: isoTime(event.offlineMs) })
  else stream.reset(event.code)
}

function* snapshotParts(views: readonly PresenceView[], puids: readonly string[] | null): Generator<object> {
  const count = puids === null ? views.length : puids.length
  const parts = Math.max(1, Math.ceil(count / SNAPSHOT_PERSONS))
  for (let part = 1; part <= parts; part++) {
    const start = (part - 1) * SNAPSHOT_PERSONS
    const end = start + SNAPSHOT_PERSONS
    const persons = puids === null ? views.slice(start, end).map(presenceJson) : inOrder(puids.slice(start, end), views)
    yield { part, parts, persons }
  }
}
