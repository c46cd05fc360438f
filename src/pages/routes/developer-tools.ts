import { randomUUID } from 'node:crypto'
import type { AppKey } from '../../hub/message.js'
import { AddressCounts } from '../../sidecar/connections.js'
import { appText } from '../../sidecar/consent/authorization.js'
import type { App, Context } from '../../sidecar/context.js'
import { EventStream } from '../../sidecar/event-stream.js'
import type { StreamEvent } from '../../sidecar/link.js'
import { Problem } from '../../sidecar/problem.js'
import { NO_WEBHOOK, WANTED_EVENTS, type WantedEvent } from '../../webhook/config.js'
import { presenceJson, ringJson } from '../../webhook/view.js'
import { appOfPage, deliveriesOf, doneOnAppPage } from '../app-page.js'
import { FOR_BROWSERS } from '../door.js'
import { fieldOf, formOf } from '../form.js'
import { sendPage } from '../send.js'
import { demandSession } from '../signed-in.js'

/** How long a page waits for what an echo person does. */
const ECHO_WAIT_MS = 3000
const ECHO_DEADLINE_MS = 5000
/** A live tail ends after this, and the page opens another one if its session still counts. */
const TAIL_MS = 600_000

/** Webhook, echo persons and live tail of one application. */
export function developerToolRoutes(app: App, context: Context): void {
  webhookForms(app, context)
  ringForm(app, context)
  tail(app, context)
}

function webhookForms(app: App, context: Context): void {
  const writing = { onRequest: demandSession, schema: { hide: true }, constraints: FOR_BROWSERS }
  const { link } = context
  app.get(
    '/developers/:id/deliveries',
    { onRequest: demandSession, schema: { hide: true } },
    async (request, reply) => {
      const found = await appOfPage(context, request)
      const deliveries = await deliveriesOf(context, found)
      return sendPage(request, reply, 'deliveries', { app: { id: appText(found) }, deliveries })
    },
  )
  app.post('/developers/:id/webhook', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async ({ app: key }) => {
      const form = formOf(request)
      const events = WANTED_EVENTS.filter((event): event is WantedEvent => form.getAll('event').includes(event))
      const settings = {
        url: fieldOf(request, 'url') || null,
        events: [...events],
        minHoldMs: msOf(fieldOf(request, 'minHoldS')),
        coalesceMs: msOf(fieldOf(request, 'coalesceS')),
        isPaused: form.has('paused'),
      }
      const { secret } = await link.webhook(key, { kind: 'set', settings }, 'webhook')
      return { secret, done: 'dev.saved' }
    }),
  )
  app.post('/developers/:id/webhook/remove', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async ({ app: key }) => {
      await link.webhook(key, { kind: 'remove' }, 'removed')
      return { done: 'dev.webhookRemoved' }
    }),
  )
  app.post('/developers/:id/webhook/secret', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async ({ app: key }) => {
      const { secret } = await link.webhook(key, { kind: 'rotate' }, 'webhook')
      return { secret }
    }),
  )
  app.post('/developers/:id/webhook/test', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async ({ app: key }) => {
      await link.webhook(key, { kind: 'test' }, 'delivery')
      return { done: 'dev.tested' }
    }),
  )
  app.post('/developers/:id/webhook/replay', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async ({ app: key }) => {
      await link.webhook(key, { kind: 'replay', delivery: fieldOf(request, 'delivery') }, 'delivery')
      return { done: 'dev.replayed' }
    }),
  )
}

/** @throws Problem invalid-request. */
function msOf(seconds: string): number {
  if (seconds === '') return NO_WEBHOOK.minHoldMs
  if (!/^[0-9]{1,3}$/.test(seconds) || Number(seconds) > 600)
    throw new Problem('invalid-request', 'Give 0 to 600 seconds.')
  return Number(seconds) * 1000
}

function ringForm(app: App, context: Context): void {
  const writing = { onRequest: demandSession, schema: { hide: true }, constraints: FOR_BROWSERS }
  app.post('/developers/:id/ring', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async ({ app: key, name }) => {
      const persons = (await context.link.testPersons(-key, null)) ?? []
      const person = persons.find(({ puid }) => puid === fieldOf(request, 'puid'))
      if (person === undefined) throw new Problem('unknown-puid')
      const { ring } = await context.link.ring(-key, {
        to: [person.puid],
        title: name,
        body: '',
        url: '',
        payload: '',
        deadlineInMs: ECHO_DEADLINE_MS,
        strategy: 'all',
        stepMs: 0,
        collapseKey: '',
        idempotencyKey: '',
      })
      const { state } = await context.link.ringOutcome(-key, ring.ring, ECHO_WAIT_MS)
      return { rung: { name: person.name, state } }
    }),
  )
}

/** `GET /developers/:id/events`: changes and rings of the application as they happen, of echo persons too. */
function tail(app: App, context: Context): void {
  const addresses = new AddressCounts()
  app.get('/developers/:id/events', { onRequest: demandSession, schema: { hide: true } }, async (request, reply) => {
    const { app: key } = await appOfPage(context, request)
    const { settings, link } = context
    if (addresses.of(request.ip) >= settings.streamsPerApp)
      throw new Problem('too-many-streams', '', { 'retry-after': '30' })
    const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }
    reply.hijack()
    reply.raw.writeHead(200, headers as Record<string, string>)
    reply.raw.write('retry: 2000\n\n')
    if (reply.raw.destroyed) return
    const leave = addresses.add(request.ip)
    const end = setTimeout(() => stream.reset('over'), TAIL_MS)
    const leaveStop = link.onStop(() => stream.reset('stopping'))
    const stream = new EventStream(reply.raw, {
      heartbeatMs: settings.heartbeatMs,
      bufferBytes: settings.streamBufferBytes,
      idPrefix: randomUUID().slice(0, 8),
      onEnd: () => {
        for (const { close } of subscriptions) close()
        clearTimeout(end)
        leaveStop()
        leave()
      },
    })
    const subscriptions = [key, -key].map((app) =>
      link.subscribe(app, null, null, (event) => forward(stream, app, event)),
    )
  })
}

function forward(stream: EventStream, app: AppKey, event: StreamEvent): void {
  const mode = app < 0 ? 'test' : 'live'
  if (event.kind === 'change') stream.send('presence', { mode, ...presenceJson(event.view) })
  else if (event.kind === 'ring-change') stream.send('ring', { mode, ...ringJson(event.ring) })
  else if (event.kind === 'stream-ended') stream.reset(event.code)
}
