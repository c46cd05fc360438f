import {
  GRACE_BASE_MS,
  GRACE_DIVISOR,
  SILENCE_MAX_S,
  WEBSOCKET_BUFFER_BYTES,
  WEBSOCKET_PROOF_MS,
} from '../packet/constants.js'

/** A provider of identities, at which this server is registered as a client. */
export interface OidcProvider {
  /** https URL, or http on loopback */
  issuer: string
  clientId: string
  clientSecret: string
}

/** Options of the sidecar as the main thread gives them; they cross to the worker by structured clone. */
export interface SidecarOptions {
  /** IP addresses or names to listen on. Default 0.0.0.0 and `::`. */
  hosts?: string[]
  /** TCP port, 0..65535; 0 takes a free one, the same for all hosts. Default 7351. */
  port?: number
  /** PEM texts. Default: plain HTTP, and then enrolment only on loopback or behind a trusted proxy with TLS. */
  tls?: { cert: string; key: string } | null
  /** Where applications reach this server, for the OpenAPI document, e.g. https://presence.example. */
  publicUrl?: string | null
  /** Addresses or networks (CIDR) whose X-Forwarded-For and X-Forwarded-Proto are believed. Default none. */
  trustedProxies?: string[]
  /** Level of the log lines (JSON). Default info. */
  logLevel?: 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'
  /** File descriptor of the log lines. Default 2 (stderr). */
  logFd?: number
  /** Version shown in the OpenAPI document. Default 0.0.0. */
  version?: string
  /** When this server started, wall clock in ms: event ids tell by it whether a reader has missed a restart. Default 0. */
  bootedMs?: number
  /** Units of one application in `rateWindowMs`, see `Quota`; also the burst. Default 1,000. */
  rateRequests?: number
  /** Default 10,000. */
  rateWindowMs?: number
  /** Requests with a wrong or no API key a minute of one address (IPv6: one /64); also the burst. Default 60. */
  wrongKeysPerMinute?: number
  /** Requests of persons and developers a minute of one address (IPv6: one /64); also the burst. Default 600. */
  personRequestsPerMinute?: number
  /** Whether an application needs a verified domain to ask strangers for consent. Default false. */
  verifiedDomains?: boolean
  /** Where people sign in by OpenID Connect. Default null: nowhere. */
  oidc?: OidcProvider | null
  /** Whether domains with private addresses are asked, by plain http: for closed networks and tests. Default false. */
  privateDomains?: boolean
  /** Enrolments a minute of one address (IPv6: one /64); also the burst. Default 5. */
  enrolPerMinute?: number
  /** Enrolments a minute of all addresses together; also the burst. Default 300. */
  enrolPerMinuteTotal?: number
  /** How long the main thread may take for an answer. Default 10,000. */
  answerTimeoutMs?: number
  /** Time for the head of a request. Default 10,000. */
  headersTimeoutMs?: number
  /** Time for a whole request. Default 20,000. */
  requestTimeoutMs?: number
  /** How often the two above are looked at. Default 2,000. */
  connectionCheckMs?: number
  /** Open connections; more are closed at once. Default 10,000. */
  connectionsMax?: number
  /** Those of one address (IPv6: one /64), WebSockets too; behind a trusted proxy, its requests at a time. Default 512. */
  connectionsPerAddress?: number
  /** Comment line on an idle stream. Default 15,000. */
  heartbeatMs?: number
  /** Events that wait for one reader of a stream, beside the snapshot. Default 262,144. */
  streamBufferBytes?: number
  /** Streams of one application at a time. Default 16. */
  streamsPerApp?: number
  /** Streams of one address (IPv6: one /64) at a time. Default 64. */
  streamsPerAddress?: number
  /** WebSockets of the channel at a time, beside `connectionsMax`. Default 10,000. */
  channelsMax?: number
  /** Those of one address (IPv6: one /64). Default 256. */
  channelsPerAddress?: number
  /** A WebSocket that brought no authentic channel packet is closed after this. Default 20,000. wire-spec §8.3 */
  channelProofMs?: number
  /** One that was used, and then not at all, after this. Default 1,922,500: the longest silence and its grace. */
  channelIdleMs?: number
  /** What may wait to be sent on one; beyond, datagrams are dropped. Default 65,536. wire-spec §8.3 */
  channelBufferBytes?: number
  /** How long running requests may take to finish when the sidecar stops. Default 5,000. */
  stopGraceMs?: number
}

/** Every option with its value. */
export type SidecarSettings = Required<SidecarOptions>

const DEFAULTS: SidecarSettings = {
  hosts: ['0.0.0.0', '::'],
  port: 7351,
  tls: null,
  publicUrl: null,
  trustedProxies: [],
  logLevel: 'info',
  logFd: 2,
  version: '0.0.0',
  bootedMs: 0,
  rateRequests: 1000,
  rateWindowMs: 10_000,
  wrongKeysPerMinute: 60,
  personRequestsPerMinute: 600,
  verifiedDomains: false,
  oidc: null,
  privateDomains: false,
  enrolPerMinute: 5,
  enrolPerMinuteTotal: 300,
  answerTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  connectionCheckMs: 2000,
  connectionsMax: 10_000,
  connectionsPerAddress: 512,
  heartbeatMs: 15_000,
  streamBufferBytes: 262_144,
  streamsPerApp: 16,
  streamsPerAddress: 64,
  channelsMax: 10_000,
  channelsPerAddress: 256,
  channelProofMs: WEBSOCKET_PROOF_MS,
  channelIdleMs: SILENCE_MAX_S * 1000 * (1 + 1 / GRACE_DIVISOR) + GRACE_BASE_MS,
  channelBufferBytes: WEBSOCKET_BUFFER_BYTES,
  stopGraceMs: 5000,
}

/** Fills in the defaults. */
export function sidecarSettings(options: SidecarOptions): SidecarSettings {
  return { ...DEFAULTS, ...options }
}
