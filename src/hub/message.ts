/**
 * What the sidecar (and the operator's commands) and the hub tell each other, and what the hub asks of the store:
 * plain records that cross threads by structured clone. `request` numbers belong to the asking side.
 */
import type { DeviceHandle } from '../endpoint/message.js'
import type { GrantWindow } from '../frame/frame.js'
import type { PresenceCause, PresenceState } from '../presence/state.js'
import type { NewRing, RingView } from '../ring/ring.js'
import type { LimitState } from '../ring/ring-limits.js'

// The words of presence and of rings are theirs; who speaks with the hub finds all here.
export type { DeviceClass } from '../packet/constants.js'
export type { PresenceCause, PresenceState } from '../presence/state.js'
export type { NewRing, RingView } from '../ring/ring.js'
export type { LimitState } from '../ring/ring-limits.js'
export { isTerminal, type RingState } from '../ring/ring-state.js'

/** Number of an account in the store (its row id, 1..). */
export type PersonKey = number
/** Number of an application in the store (its row id, 1..). */
export type AppKey = number

/** A person as one application sees them. Times are Unix ms. */
export interface PresenceView {
  puid: string
  state: PresenceState
  /** shared status or away message, '' if none */
  message: string
  /** when this state began */
  sinceMs: number
  /** grows with every change, across restarts too; a safe integer */
  version: number
  cause: PresenceCause
  /** when this answer was made */
  asOfMs: number
}

/** Sidecar or operator -> hub. */
export type HubRequest =
  /** PUIDs that are not authentic for the application are left out of the answer */
  | { kind: 'presence'; request: number; app: AppKey; puids: string[] }
  /** `puids` null: everybody visible to the application; else those, and nobody else */
  | { kind: 'subscribe'; stream: number; app: AppKey; puids: string[] | null; heardBootMs: number | null }
  | { kind: 'unsubscribe'; stream: number }
  /** `app` 0: the server itself, to persons by their numbers */
  | { kind: 'ring'; request: number; app: AppKey; ring: NewRing }
  | { kind: 'ring-get'; request: number; app: AppKey; ring: string; waitMs: number }
  | { kind: 'ring-withdraw'; request: number; app: AppKey; ring: string }
  | { kind: 'metrics'; request: number }
  /** a person agrees that an application may see them; `challenge` is PKCE's, S256 */
  | {
      kind: 'consent'
      request: number
      app: AppKey
      person: PersonKey
      redirectUri: string
      challenge: string
      windows: GrantWindow[]
      zone: string
    }
  /** the application exchanges the code; `challenge` is made of its verifier */
  | {
      kind: 'consent-exchange'
      request: number
      app: AppKey
      code: string
      redirectUri: string
      challenge: string
    }
  /** what the server knows of a person in memory, for themselves */
  | { kind: 'person'; request: number; person: PersonKey; devices: DeviceHandle[] }
  | { kind: 'account-added'; person: PersonKey }
  /** `devices`: all of theirs */
  | { kind: 'account-removed'; person: PersonKey; devices: readonly DeviceHandle[] }
  | {
      kind: 'device-added'
      person: PersonKey
      device: DeviceHandle
      rotation: number
    }
  | { kind: 'device-removed'; device: DeviceHandle; code: number }
  | { kind: 'app-added'; app: AppKey; appId: Uint8Array; name: string }
  | { kind: 'app-removed'; app: AppKey }
  /** what an application is told by webhook, and how flapping is damped for its webhooks and streams alike */
  | {
      kind: 'listen'
      app: AppKey
      presence: boolean
      rings: boolean
      outcomes: boolean
      minHoldMs: number
      coalesceMs: number
    }

/** What a device said last. `unknown`: it was not heard since this start of the server. */
export type DeviceWord = 'active' | 'idle' | 'gone' | 'unknown'

/** One device as its person sees it. */
export interface DeviceView {
  device: DeviceHandle
  said: DeviceWord
  isInContact: boolean
  /** how long it has been idle, ms; 0 if it is not */
  idleMs: number
  /** seconds, 0 never */
  awayAfterS: number
  offlineAfterS: number
  /** seconds of silence that it promised last; 0 not known. The endpoint knows: the hub says 0 */
  silenceS: number
}

/** How often an application asked for a person since this start of the server. Times are Unix ms. */
export interface ReadCount {
  appId: Uint8Array
  name: string
  count: number
  firstMs: number
  lastMs: number
}

/** Errors that the sidecar turns into problem documents. */
export type HubErrorCode =
  | 'unknown-puid'
  | 'unknown-device-handle'
  | 'unknown-ring'
  | 'ring-too-large'
  | 'ring-invalid'
  | 'idempotency-conflict'
  | 'rate-limited'
  | 'ring-ended'
  | 'invalid-grant'
  | 'unavailable'

/** Hub -> sidecar. */
export type HubReply =
  /** a large question is answered in several, the last says so */
  | { kind: 'presence'; request: number; views: PresenceView[]; isLast: boolean }
  | {
      kind: 'ring'
      request: number
      ring: RingView /** false if the idempotency key was seen before */
      created: boolean
      /** what is left, for a ring that was asked for */
      limits?: LimitState[]
    }
  | { kind: 'person'; request: number; devices: DeviceView[]; reads: ReadCount[] }
  | { kind: 'consented'; request: number; code: string }
  | { kind: 'consent-exchanged'; request: number; puid: string }
  | { kind: 'error'; request: number; code: HubErrorCode; detail: string; retryAfterS: number; limits?: LimitState[] }
  | { kind: 'metrics'; request: number; metrics: Record<string, number> }
  /** a large snapshot is told in several, the last says so; changes come after it */
  | { kind: 'snapshot'; stream: number; views: PresenceView[]; isLast: boolean }
  | { kind: 'change'; stream: number; view: PresenceView }
  | { kind: 'restarted'; stream: number; bootedMs: number; offlineMs: number }
  | { kind: 'ring-change'; stream: number; ring: RingView }
  /** the stream cannot go on (application removed, buffer full) */
  | { kind: 'stream-ended'; stream: number; code: string }
  | WebhookNews

/** Hub -> those who send webhooks: something for the webhook of an application. */
export type WebhookNews =
  | { kind: 'webhook-presence'; app: AppKey; view: PresenceView }
  /** an end was committed together with what `put-ring` calls its outcome */
  | { kind: 'webhook-ring'; app: AppKey; ring: RingView; isEnd: boolean }

/** What a device is called, and its key. */
export interface DevicePapers {
  /** static, 32 B */
  publicKey: Uint8Array
  name: string
}

/**
 * Hub -> store. Replies come to `handleStored`; requests with `request` must be durable before the reply. The clock does not
 * go back behind a `clockSeconds` (Unix) that was committed, also after a start: it is in the same commit as what it is for.
 */
export type HubStoreRequest =
  | {
      kind: 'put-list'
      request: number
      person: PersonKey
      base: number
      version: number
      sealed: Uint8Array
      clockSeconds: number
    }
  | { kind: 'get-list'; request: number; person: PersonKey }
  /** What the handing over of a list key needs to know of a device. */
  | { kind: 'get-papers'; request: number; device: DeviceHandle }
  /** Inserts or replaces; `row` is opaque to the store and sealed there under the hour's key. */
  | {
      kind: 'put-ring'
      request: number
      ring: Uint8Array
      untilMs: number
      row: Uint8Array
      /** kept in the same commit until a webhook has told it (`drop-outcome`), sealed as the row; null nothing */
      outcome?: Uint8Array | null
    }
  /** A grant on its way to a device; sealed in the store under a key of its own. */
  | {
      kind: 'put-grant'
      request: number
      grant: Uint8Array
      untilMs: number
      row: Uint8Array
      clockSeconds: number
    }
  /** The key of the grant goes with it. */
  | { kind: 'drop-grant'; grant: Uint8Array }
  /** Write-behind. */
  | { kind: 'drop-ring'; ring: Uint8Array }
  /** Write-behind. */
  | { kind: 'drop-outcome'; ring: Uint8Array }

/** Store -> hub. */
export type HubStoreReply =
  | { kind: 'stored'; request: number; ok: boolean /** put-list: version now current */; version: number }
  | { kind: 'list'; request: number; version: number; sealed: Uint8Array | null }
  /** null: there is no such device */
  | { kind: 'papers'; request: number; papers: DevicePapers | null }
