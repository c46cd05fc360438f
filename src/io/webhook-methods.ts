/** What an operator can do about the webhook of an application. Without a running server only its settings can be seen and set. */
import { randomBytes } from 'node:crypto'
import { utf8Bytes, utf8Text } from '../base/text.js'
import type { AppKey } from '../hub/message.js'
import type { AppRow, Store } from '../store/store.js'
import { applyAsk, type WebhookAnswer, type WebhookAsk } from '../webhook/ask.js'
import { DAMPING_MAX_MS, NO_WEBHOOK, readConfig, WANTED_EVENTS, type WantedEvent } from '../webhook/config.js'
import { SECRET_BYTES, secretText } from '../webhook/signature.js'
import type { Methods, Params } from './call-socket.js'
import { textOf, wholeNumberOf } from './params.js'
import { ServerError } from './server-error.js'

/** Asks the running server. */
export type AskRunning = (app: AppKey, ask: WebhookAsk) => Promise<WebhookAnswer>

/** The methods by name. @param running null: no server runs on the store. */
export function webhookMethods(store: Store, running: { webhook: AskRunning } | null): Methods {
  const asked = (read: (params: Params) => WebhookAsk) => async (params: Params) => {
    const app = await appOf(store, params)
    const ask = read(params)
    return shown(app, running === null ? await askStore(store, app.app, ask) : await running.webhook(app.app, ask))
  }
  return {
    'app.webhook.show': asked(() => ({ kind: 'read' })),
    'app.webhook.set': asked(setOf),
    'app.webhook.remove': asked(() => ({ kind: 'remove' })),
    'app.webhook.rotate': asked(() => ({ kind: 'rotate' })),
    'app.webhook.test': asked(() => ({ kind: 'test' })),
    'app.webhook.deliveries': asked(() => ({ kind: 'deliveries' })),
    'app.webhook.replay': asked((params) => ({ kind: 'replay', delivery: textOf(params, 'delivery') })),
  }
}

async function appOf(store: Store, params: Params): Promise<AppRow> {
  const appId = textOf(params, 'app')
  const app = (await store.listApps()).find((one) => `app_${Buffer.from(one.appId).toString('hex')}` === appId)
  if (app === undefined) throw new ServerError('PL_UNKNOWN_APP', appId)
  return app
}

function setOf(params: Params): WebhookAsk {
  const events = params['events'] ?? NO_WEBHOOK.events
  const isKnown = (event: unknown): event is WantedEvent => WANTED_EVENTS.some((known) => known === event)
  if (!Array.isArray(events) || !events.every(isKnown))
    throw new ServerError('PL_BAD_ARGUMENT', `events must be some of ${WANTED_EVENTS.join(', ')}`)
  return {
    kind: 'set',
    settings: {
      url: params['url'] === undefined || params['url'] === '' ? null : textOf(params, 'url'),
      events,
      minHoldMs: wholeNumberOf(params, 'minHoldMs', DAMPING_MAX_MS, 0),
      coalesceMs: wholeNumberOf(params, 'coalesceMs', DAMPING_MAX_MS, 0),
      isPaused: params['paused'] === true,
    },
  }
}

/** Where a URL may lead to is checked when something is sent. */
async function askStore(store: Store, app: AppKey, ask: WebhookAsk): Promise<WebhookAnswer> {
  if (ask.kind === 'test' || ask.kind === 'deliveries' || ask.kind === 'replay') throw new ServerError('PL_NO_SERVER')
  const row = (await store.listWebhooks()).find((one) => one.app === app)
  const newSecret = () => secretText(new Uint8Array(randomBytes(SECRET_BYTES)))
  const parts = { mayBePrivate: true, wallMs: Date.now(), newSecret }
  const before = row === undefined ? null : readConfig(utf8Text(row.config) ?? '')
  const { config, answer } = applyAsk(before, ask, parts)
  if (config !== undefined) await store.putWebhook(app, config === null ? null : utf8Bytes(JSON.stringify(config)))
  return answer
}

function shown(app: AppRow, answer: WebhookAnswer): object {
  const appId = `app_${Buffer.from(app.appId).toString('hex')}`
  switch (answer.kind) {
    case 'webhook': {
      const { isPaused: paused, ...rest } = answer.webhook
      return { app: appId, ...rest, paused, ...(answer.secret !== '' && { secret: answer.secret }) }
    }
    case 'removed':
      return { app: appId }
    case 'deliveries':
      return answer.deliveries
    case 'delivery':
      return answer.delivery
    case 'refused':
      if (answer.code === 'unknown-webhook') throw new ServerError('PL_NO_WEBHOOK', appId)
      if (answer.code === 'unknown-delivery') throw new ServerError('PL_UNKNOWN_DELIVERY')
      throw new ServerError('PL_BAD_ARGUMENT', answer.detail === '' ? 'the store did not take it' : answer.detail)
  }
}
