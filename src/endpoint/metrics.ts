import { DropCounters, type DropReason } from '../packet/drop.js'
import type { DatagramKind } from '../packet/header.js'

/** Kinds of datagrams that a server sends. */
export type SentKind = 'message-2' | 'cookie' | 'reset' | 'channel'

/** Counts since the endpoint was made, and gauges. */
export interface EndpointMetrics {
  /** Dropped datagrams by reason. [R-3-4] */
  dropped: Record<DropReason, number>
  /** Datagrams that came, by kind, dropped ones included; 'unknown' for those of no kind. */
  packetsIn: Record<'message-1' | 'message-1-cookie' | 'channel' | 'unknown', number>
  packetsOut: Record<SentKind, number>
  /** Handshakes that were committed. */
  handshakes: number
  /** Handshakes that waited for their first packet and were given up. */
  handshakesExpired: number
  /** Refusals by code, 1 to 4. wire-spec §4.3 */
  refused: Record<1 | 2 | 3 | 4, number>
  /** Commits that the store could not make. */
  commitsFailed: number
  /** Packets that did not open, of sessions and of handshakes. */
  failedOpens: number
  resetsSent: number
  cookiesSent: number
  challengesSent: number
  /** Probes that were answered, at once or after their delay. wire-spec §9.4 */
  probesAnswered: number
  /** Sessions that were confirmed by a RESPONSE after a restart. */
  sessionsConfirmed: number
  /** Key steps that devices have taken. */
  steps: number
  /** STEPs that were not taken up: more than one in a second, or no room for the promise. */
  stepsRefused: number
  /** Sessions that lost their path because its connection closed. */
  pathsClosed: number
  /** Sessions ended by CLOSE of the device, by its breaking the protocol, or by the key limit. */
  sessionsEnded: number
  /** Gauge: sessions held. */
  sessions: number
  /** Gauge: handshakes that wait for their first packet or its commit. */
  handshakesPending: number
  /** Gauge: sessions with a probe of the last second or one that waits for its answer. */
  probesHeld: number
  /** Gauge: messages 1 that wait until nothing of known devices does. */
  handshakesWaiting: number
  /** Gauge: packets and handshakes that wait for a session that is not loaded yet. */
  loadsWaiting: number
  /** Gauge: look-ups that wait for the store. */
  lookupsPending: number
  /** Gauge: sessions with an address that waits for its proof. */
  pathsProving: number
  /** Gauge: sessions with frames that wait for their ACK. */
  framesWaiting: number
  /** Gauge: steps with keys that wait for the device under the new root. */
  stepsPromised: number
  /** Gauge: bytes of session records. */
  recordBytes: number
}

/** The counting half of `EndpointMetrics`. Each part counts what it does. */
export class Counters {
  readonly dropped = new DropCounters()
  readonly packetsIn = { 'message-1': 0, 'message-1-cookie': 0, channel: 0, unknown: 0 }
  readonly packetsOut: Record<SentKind, number> = { 'message-2': 0, cookie: 0, reset: 0, channel: 0 }
  readonly refused: Record<1 | 2 | 3 | 4, number> = { 1: 0, 2: 0, 3: 0, 4: 0 }
  handshakes = 0
  commitsFailed = 0
  failedOpens = 0
  challengesSent = 0
  probesAnswered = 0
  sessionsConfirmed = 0
  pathsClosed = 0
  sessionsEnded = 0
  steps = 0
  stepsRefused = 0

  /** A datagram came; `kind` is 'kind' or 'length' for one of no kind. */
  came(kind: DatagramKind | 'kind' | 'length'): void {
    if (kind === 'message-1' || kind === 'message-1-cookie' || kind === 'channel') this.packetsIn[kind]++
    else this.packetsIn.unknown++
  }

  /** A datagram was dropped without effect. */
  drop(reason: DropReason): void {
    this.dropped.count(reason)
    if (reason === 'tag') this.failedOpens++
  }
}
