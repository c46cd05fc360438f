/** `pilotlight app webhook ...`: where and how an application is told. */
import { DAMPING_MAX_MS, WANTED_EVENTS } from '../../webhook/config.js'
import { ADMIN_OPTIONS, APP, callAdmin } from '../admin.js'
import { usageError } from '../cli-error.js'
import { type Command, command } from '../command.js'
import { list, onOff, text, wholeNumber } from '../option.js'
import { columns, type Terminal } from '../terminal.js'
import { dayAndTime } from '../text.js'

interface ShownWebhook {
  app: string
  url: string | null
  events: string[]
  minHoldMs: number
  coalesceMs: number
  paused: boolean
  disabled: { reason: string; atMs: number } | null
  secrets: number
  secret?: string
}

interface ShownDelivery {
  id: string
  webhookId: string
  types: string[]
  state: string
  attempts: { atMs: number; status: number; failure: string; latencyMs: number }[]
}

const DAMPING = { from: 0, to: DAMPING_MAX_MS }

const set = command({
  name: 'app webhook set',
  summary: 'set where and how an application is told; its first secret is printed, and shown only now',
  details: 'Replaces all settings. An endpoint that was disabled goes on.',
  positionals: [APP],
  options: {
    ...ADMIN_OPTIONS,
    url: text('URL', 'endpoint; none: only the damping counts, for streams'),
    event: list('EVENT', `one of ${WANTED_EVENTS.join(', ')}`, 'presence.changed and ring.ended'),
    minHoldMs: wholeNumber('MS', 'a state is told when it has held so long', DAMPING, 0),
    coalesceMs: wholeNumber('MS', "a person's changes are told so far apart at least", DAMPING, 0),
    paused: onOff('keep what happens, and send it later'),
  },
  async run({ url, event, minHoldMs, coalesceMs, paused, ...place }, [app = ''], terminal) {
    const unknown = event.find((one) => !WANTED_EVENTS.some((known) => known === one))
    if (unknown !== undefined) throw usageError(`--event: there is no "${unknown}"`)
    const events = event.length === 0 ? {} : { events: event }
    const params = { app, url, minHoldMs, coalesceMs, paused, ...events }
    printWebhook((await callAdmin(place, 'app.webhook.set', params)) as ShownWebhook, terminal)
  },
})

const show = command({
  name: 'app webhook show',
  summary: 'show where and how an application is told',
  positionals: [APP],
  options: ADMIN_OPTIONS,
  async run(place, [app = ''], terminal) {
    printWebhook((await callAdmin(place, 'app.webhook.show', { app })) as ShownWebhook, terminal)
  },
})

const rotate = command({
  name: 'app webhook rotate',
  summary: 'make a new secret; the last one signs for a day more',
  positionals: [APP],
  options: ADMIN_OPTIONS,
  async run(place, [app = ''], terminal) {
    printWebhook((await callAdmin(place, 'app.webhook.rotate', { app })) as ShownWebhook, terminal)
  },
})

const remove = command({
  name: 'app webhook remove',
  summary: 'tell the application nothing more, and forget its secrets',
  positionals: [APP],
  options: ADMIN_OPTIONS,
  async run(place, [app = ''], terminal) {
    terminal.result(await callAdmin(place, 'app.webhook.remove', { app }), `removed the webhook of ${app}`)
  },
})

const test = command({
  name: 'app webhook test',
  summary: 'send a signed test event now, and show what came of it',
  positionals: [APP],
  options: ADMIN_OPTIONS,
  async run(place, [app = ''], terminal) {
    const delivery = (await callAdmin(place, 'app.webhook.test', { app })) as ShownDelivery
    terminal.result(delivery, deliveryLine(delivery).join('  '))
  },
})

const deliveries = command({
  name: 'app webhook deliveries',
  summary: 'show what was sent lately',
  positionals: [APP],
  options: ADMIN_OPTIONS,
  async run(place, [app = ''], terminal) {
    const sent = (await callAdmin(place, 'app.webhook.deliveries', { app })) as ShownDelivery[]
    terminal.result(sent, columns([['ID', 'STATE', 'RESULT', 'MS', 'AT', 'EVENTS'], ...sent.map(deliveryLine)]))
  },
})

const replay = command({
  name: 'app webhook replay',
  summary: 'send again what a delivery told',
  positionals: [APP, { name: 'ID', help: 'dlv_..., see `app webhook deliveries`' }],
  options: ADMIN_OPTIONS,
  async run(place, [app = '', delivery = ''], terminal) {
    const again = (await callAdmin(place, 'app.webhook.replay', { app, delivery })) as ShownDelivery
    terminal.result(again, deliveryLine(again).join('  '))
  },
})

function deliveryLine({ id, state, types, attempts }: ShownDelivery): string[] {
  const last = attempts.at(-1)
  const result = last === undefined ? '-' : last.status > 0 ? `${last.status}` : last.failure
  const when = last === undefined ? '-' : dayAndTime(last.atMs)
  return [id, state, result, `${last?.latencyMs ?? '-'}`, when, types.join(',')]
}

function printWebhook(webhook: ShownWebhook, terminal: Terminal): void {
  const { url, events, paused, disabled, secrets, secret, minHoldMs, coalesceMs } = webhook
  const state = disabled !== null ? `disabled (${disabled.reason})` : paused ? 'paused' : 'on'
  terminal.result(webhook, [
    `${state}  ${url ?? 'no endpoint'}  ${events.join(', ')}`,
    `minimum hold ${minHoldMs} ms, coalesced over ${coalesceMs} ms, ${secrets} secret${secrets === 1 ? '' : 's'}`,
    ...(secret === undefined ? [] : [`secret ${secret}  (shown only now)`]),
  ])
}

/** The commands of this file. */
export const WEBHOOK_COMMANDS: Command[] = [set, show, rotate, remove, test, deliveries, replay]
