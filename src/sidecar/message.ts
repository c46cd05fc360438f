/**
 * What the main thread and the sidecar's worker thread tell each other: plain records that cross by structured clone, several at a time.
 * Neither side ever waits for the other in a call; every answer is one more message.
 */
import type { AppKey, HubReply, HubRequest, WebhookNews } from '../hub/message.js'
import type { TestPerson, TestPersonChange } from '../sandbox/message.js'
import type { KeyMode, Scope } from '../store/app-row.js'
import type { DirectoryAnswer, DirectoryAsk } from '../store/directory-message.js'
import type { WebhookAnswer, WebhookAsk } from '../webhook/ask.js'

/** An application as the sidecar knows it. */
export interface AppEntry {
  app: AppKey
  /** 16 hex digits; shown as app_<16 hex> */
  appId: string
  name: string
  /** live API keys */
  keys: ApiKeyEntry[]
}

/** An API key as the sidecar knows it. */
export interface ApiKeyEntry {
  /** SHA-256 of its text, 32 B */
  hash: Uint8Array
  mode: KeyMode
  scopes: Scope[]
}

/** Why a device was not enrolled. `unavailable`: the store could not be asked. */
export type EnrolRefusal = 'bad-code' | 'key-taken' | 'full' | 'unavailable'

/** What became of an enrolment. */
export type EnrolResult =
  | {
      ok: true
      deviceId: string
      /** 32 B */
      psk: Uint8Array
      /** static public keys of the server, 32 B each, current first */
      serverKeys: Uint8Array[]
      /** e.g. udp://192.0.2.1:7350 */
      endpoints: string[]
    }
  | { ok: false; code: EnrolRefusal }

/** What `/metrics` shows of the main thread. */
export type MetricSample = ValueSample | HistogramSample

/** One value for `/metrics`. Samples of one name share `help`, `type` and label names. No personal data in labels. */
export interface ValueSample {
  /** Prometheus name with unit last, e.g. pilotlight_datagrams_total */
  name: string
  help: string
  type: 'counter' | 'gauge'
  labels: Record<string, string>
  value: number
}

/** A histogram without labels for `/metrics`. */
export interface HistogramSample {
  /** as in `ValueSample` */
  name: string
  help: string
  type: 'histogram'
  /** as in `ValueSample` */
  labels: Record<string, string>
  /** upper bounds, rising */
  bounds: readonly number[]
  /** what fell under each bound and not under the one before; one more for what is above all */
  counts: readonly number[]
  /** of all values */
  sum: number
}

/** `ready`: requests are served. Before and after, `/v1` answers 503. */
export type ReadyState = 'starting' | 'ready' | 'stopping'

/** Where the sidecar listens. */
export interface ListenAddress {
  address: string
  port: number
  family: 4 | 6
}

/** Why the sidecar could not start. */
export type StartFailure =
  | 'port-taken'
  | 'port-forbidden'
  | 'address-unavailable'
  | 'bad-tls'
  | 'bad-option'
  | 'start-failed'

/** Datagrams of WebSockets, either way: a batch of `ChannelPipe`; the receiver says how many it has taken. */
type Datagrams = { kind: 'datagrams'; batch: Uint8Array } | { kind: 'datagrams-taken'; count: number }

/** Sidecar -> main thread. `request` numbers are the sidecar's and never used twice, by a restarted sidecar neither. */
export type FromSidecar =
  | { kind: 'hub'; request: HubRequest }
  | { kind: 'enrol'; request: number; code: string /** 32 B */; publicKey: Uint8Array; name: string; address: string }
  | { kind: 'metrics'; request: number }
  | { kind: 'directory'; request: number; ask: DirectoryAsk }
  /** Echo persons: see `src/sandbox`. */
  | { kind: 'test-persons'; request: number; app: AppKey; change: TestPersonChange | null }
  | { kind: 'webhook'; request: number; app: AppKey; ask: WebhookAsk }
  /** A WebSocket is about to bring its first datagram. `client` is what limits count it as: one IPv4 address, one /64. */
  | { kind: 'channel-open'; connection: number; client: string }
  /** It is closed; nothing of it follows. */
  | { kind: 'channel-closed'; connection: number }
  | Datagrams
  | { kind: 'listening'; addresses: ListenAddress[] }
  /** `ready` was taken: from now on requests are served. */
  | { kind: 'serving' }
  /** The worker ends after this. */
  | { kind: 'failed'; code: StartFailure; message: string }

/** Main thread -> sidecar. */
export type ToSidecar =
  | { kind: 'hub'; reply: Exclude<HubReply, WebhookNews> }
  | { kind: 'enrolled'; request: number; result: EnrolResult }
  /** All applications: at start and after each change. */
  | { kind: 'apps'; apps: AppEntry[] }
  | { kind: 'metrics'; request: number; samples: MetricSample[] }
  | { kind: 'directory'; request: number; answer: DirectoryAnswer | 'unavailable' }
  /** null: no such person */
  | { kind: 'test-persons'; request: number; persons: TestPerson[] | null }
  | { kind: 'webhook'; request: number; answer: WebhookAnswer }
  | { kind: 'ready'; state: ReadyState }
  /** Why nothing can be stored, or null: at start and after each change. */
  | { kind: 'store'; problem: string | null }
  /** The session of a WebSocket has moved away: it is to be closed. */
  | { kind: 'channel-left'; connection: number }
  | Datagrams
  /** Ends the streams, lets running requests finish, closes, ends the worker. */
  | { kind: 'stop' }
