/** What applications and operators ask about webhooks, and what a configuration becomes by it. */
import { NO_WEBHOOK, urlFault, type WantedEvent, type WebhookConfig, withSecret } from './config.js'
import type { Delivery } from './message.js'

/** All that the owner of an application sets. */
export interface WebhookSettings {
  url: string | null
  events: WantedEvent[]
  minHoldMs: number
  coalesceMs: number
  isPaused: boolean
}

/** A question or an order about an application's webhook. */
export type WebhookAsk =
  | { kind: 'read' }
  /** replaces all settings and takes back that it is disabled; secrets stay */
  | { kind: 'set'; settings: WebhookSettings }
  | { kind: 'remove' }
  /** a new secret; the last one signs for a day more */
  | { kind: 'rotate' }
  | { kind: 'test' }
  | { kind: 'deliveries' }
  | { kind: 'replay'; delivery: string }

/** An application's webhook as its owner sees it. */
export interface ShownWebhook extends WebhookSettings {
  disabled: WebhookConfig['disabled']
  /** how many secrets sign */
  secrets: number
}

/** Stable codes of what can be wrong with an ask. */
export type WebhookRefusal = 'webhook-invalid' | 'unknown-webhook' | 'unknown-delivery' | 'unavailable'

/** The answer to an ask. */
export type WebhookAnswer =
  /** `secret` is told once, when it is made; '' else */
  | { kind: 'webhook'; webhook: ShownWebhook; secret: string }
  | { kind: 'removed' }
  | { kind: 'deliveries'; deliveries: Delivery[] }
  | { kind: 'delivery'; delivery: Delivery }
  | { kind: 'refused'; code: WebhookRefusal; detail: string }

/** What an ask makes of a configuration. */
export interface Applied {
  /** undefined: as it was; null: removed */
  config?: WebhookConfig | null
  answer: WebhookAnswer
}

/** Applies what needs nothing but the configuration. @param newSecret makes one. */
export function applyAsk(
  config: WebhookConfig | null,
  ask: Extract<WebhookAsk, { kind: 'read' | 'set' | 'remove' | 'rotate' }>,
  parts: { mayBePrivate: boolean; wallMs: number; newSecret: () => string },
): Applied {
  if (ask.kind === 'set') {
    const { settings } = ask
    const fault = settings.url === null ? '' : urlFault(settings.url, parts.mayBePrivate)
    if (fault !== '') return refusedAsk('webhook-invalid', fault)
    const next: WebhookConfig = { ...(config ?? NO_WEBHOOK), ...settings, disabled: null }
    return next.secrets.length > 0 ? changed(next, '', parts.wallMs) : rotated(next, parts)
  }
  if (config === null) return refusedAsk('unknown-webhook', '')
  if (ask.kind === 'remove') return { config: null, answer: { kind: 'removed' } }
  if (ask.kind === 'rotate') return rotated(config, parts)
  return { answer: { kind: 'webhook', webhook: shownWebhook(config, parts.wallMs), secret: '' } }
}

/** A refusal that changes nothing. */
export function refusedAsk(code: WebhookRefusal, detail: string): Applied {
  return { answer: { kind: 'refused', code, detail } }
}

/** What the owner of an application sees; never a secret. */
export function shownWebhook(config: WebhookConfig, wallMs: number): ShownWebhook {
  const { url, events, minHoldMs, coalesceMs, isPaused, disabled } = config
  const secrets = config.secrets.filter(({ untilMs }) => untilMs === 0 || wallMs < untilMs).length
  return { url, events, minHoldMs, coalesceMs, isPaused, disabled, secrets }
}

function rotated(config: WebhookConfig, { wallMs, newSecret }: { wallMs: number; newSecret: () => string }): Applied {
  const secret = newSecret()
  return changed(withSecret(config, secret, wallMs), secret, wallMs)
}

function changed(config: WebhookConfig, secret: string, wallMs: number): Applied {
  return { config, answer: { kind: 'webhook', webhook: shownWebhook(config, wallMs), secret } }
}
