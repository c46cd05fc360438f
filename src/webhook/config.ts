import { isAddress, isPublicAddress } from './public-address.js'
import { secretBytes } from './signature.js'

/** What an application may be told by webhook. `presence.changed` brings `presence.restarted` and `presence.reset` along. */
export const WANTED_EVENTS = ['presence.changed', 'ring.changed', 'ring.ended'] as const

/** One of `WANTED_EVENTS`. */
export type WantedEvent = (typeof WANTED_EVENTS)[number]

/** A signing secret. */
export interface WebhookSecret {
  /** `whsec_` and base64 */
  secret: string
  /** it signs until then, Unix ms; 0 it is the current one */
  untilMs: number
}

/** How an application wants to be told. */
export interface WebhookConfig {
  /** where events go; null nowhere: only the damping counts */
  url: string | null
  /** current first, then at most one that was replaced */
  secrets: WebhookSecret[]
  events: WantedEvent[]
  /** a state is told when it has held so long, ms; 0 at once */
  minHoldMs: number
  /** a person's changes are told so far apart at least, the latest of them, ms; 0 all */
  coalesceMs: number
  /** what happens is kept, and sent when it goes on */
  isPaused: boolean
  /** nothing is kept and nothing is sent: the endpoint answered 410; null it is not */
  disabled: { reason: 'gone'; atMs: number } | null
}

/** Longest hold and longest distance, ms. */
export const DAMPING_MAX_MS = 600_000

/** How long a replaced secret goes on signing, ms. */
export const OLD_SECRET_MS = 86_400_000

/** Longest URL, characters. */
export const URL_CHARACTERS_MAX = 2_048

/** An application that has said nothing yet. */
export const NO_WEBHOOK: WebhookConfig = {
  url: null,
  secrets: [],
  events: ['presence.changed', 'ring.ended'],
  minHoldMs: 0,
  coalesceMs: 0,
  isPaused: false,
  disabled: null,
}

/**
 * Why a URL cannot be an endpoint, in words; '' it can. Names are looked up only when something is sent.
 *
 * @param mayBePrivate plain HTTP and addresses that are not public are allowed.
 */
export function urlFault(text: string, mayBePrivate: boolean): string {
  if (text.length > URL_CHARACTERS_MAX || !URL.canParse(text)) return 'The URL is not an absolute URL.'
  const url = new URL(text)
  if (url.protocol !== 'https:' && !(mayBePrivate && url.protocol === 'http:'))
    return 'The URL must begin with https://.'
  if (url.username !== '' || url.password !== '') return 'The URL must not hold a user name or password.'
  const host = hostOf(url)
  if (isAddress(host) && !mayBePrivate && !isPublicAddress(host)) return 'The address is not a public one.'
  return ''
}

/** Host of a URL without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}

/** Secrets that sign at a time, the current one first. */
export function liveSecrets(config: WebhookConfig, wallMs: number): string[] {
  return config.secrets.flatMap(({ secret, untilMs }) => (untilMs === 0 || wallMs < untilMs ? [secret] : []))
}

/** The same with a new secret in front; the one that was current goes on for `OLD_SECRET_MS`. */
export function withSecret(config: WebhookConfig, secret: string, wallMs: number): WebhookConfig {
  const last = config.secrets.slice(0, 1).map((one) => ({ secret: one.secret, untilMs: wallMs + OLD_SECRET_MS }))
  return { ...config, secrets: [{ secret, untilMs: 0 }, ...last] }
}

/** Whether anything is to be sent to the application, now or when it goes on. */
export function isListening(config: WebhookConfig): boolean {
  return config.url !== null && config.disabled === null
}

/** A stored configuration, or null for text that is none of this release. */
export function readConfig(json: string): WebhookConfig | null {
  let config: Partial<WebhookConfig>
  try {
    config = { ...NO_WEBHOOK, ...(JSON.parse(json) as Partial<WebhookConfig>) }
  } catch {
    return null
  }
  const { url, secrets, events } = config as WebhookConfig
  const isWhole =
    (url === null || (typeof url === 'string' && URL.canParse(url))) &&
    Array.isArray(secrets) &&
    secrets.every(({ secret }) => typeof secret === 'string' && secretBytes(secret) !== null) &&
    Array.isArray(events)
  return isWhole ? (config as WebhookConfig) : null
}
