import { PilotlightError } from '../base/errors.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import type { KeyPair } from '../crypto/key-pair.js'
import { NODES_MAX } from '../packet/connection-id.js'
import { BOOT_BYTES, GRACE_BASE_MS, SILENCE_MAX_S } from '../packet/constants.js'
import type { ChannelObserver } from '../session/observer.js'
import { SLOTS_MAX } from './device-handle.js'

/**
 * One of several endpoints that divide all slots: those with `slot % of === index` are its own. The connection ID tells
 * the slot and not how they are divided, so it stays good when there are more or fewer endpoints after a restart.
 */
export interface Share {
  /** 0..of - 1 */
  readonly index: number
  /** 1..64 */
  readonly of: number
}

/** Endpoints of one server at most. */
export const ENDPOINTS_MAX = 64

/** What an endpoint is made with. Key bytes are kept, not copied. */
export interface EndpointOptions {
  /** Node and worker, 0..63: the slots of connection IDs that are ours. */
  readonly worker: number
  /** Slots in range, 1..2^24; slot numbers are below it. */
  readonly slots: number
  /** Which of these are this endpoint's, where several serve them together; default: all. */
  readonly share?: Share
  /** Static key pairs, 1 to 3: the current one first, then the next or last. wire-spec §12.3 */
  readonly staticKeys: readonly KeyPair[]
  /** Boot value of this process, 12 B, stored by the caller before the endpoint sends. wire-spec §5.3 */
  readonly boot: Uint8Array
  /** 32 B, key of connection IDs. wire-spec §13 */
  readonly cidKey: Uint8Array
  /** 32 B, key of reset tokens. wire-spec §13 */
  readonly resetKey: Uint8Array
  /** Longest silence that a device may promise, 1..1800 s; default 1800. */
  readonly silenceMaxS?: number
  /** Fixed part of the grace, 0 or more ms; default 10,000. Shorter only where the network is known, as in a demo. */
  readonly graceBaseMs?: number
  /** Handshakes that one address (IPv6: one /64) may begin, and as many again with a cookie: default 20 a second, 5 at once. */
  readonly handshakesPerAddress?: { readonly perSecond: number; readonly burst: number }
  /** Handshakes a second, from all, above which cookies are asked for; default 200. wire-spec §4.4 */
  readonly handshakesPerSecondBeforeCookie?: number
  /** Handshakes that wait for their first packet, at most; default 4096, at most 65,536. */
  readonly pendingHandshakesMax?: number
  /** Key steps with keys that wait for the device's first packet under the new root, at most; default 4096, at most 65,536. */
  readonly stepsPromisedMax?: number
  /** Sessions with a probe of the last second or one that waits for its answer, at most; default 4096, at most 65,536. */
  readonly probesMax?: number
  /**
   * Slots below this may have devices that the store knows and that are not loaded yet. They come by `loadSession` in parts,
   * each followed by `handleLoaded`. Default 0: what comes by `loadSession` comes before anything else.
   */
  readonly slotsToLoad?: number
  /** Told of everything that the endpoint does; default null: nobody watches. */
  readonly observer?: ChannelObserver | null
}

/** Options with their defaults. */
export type EndpointConfig = Required<EndpointOptions>

/** Look-ups of devices that wait for the store, at most. */
export const LOOKUPS_MAX = 256
/** Inputs that wait for sessions that are not loaded yet, at most: in all, and for those of one part. */
export const LOADING_LIMITS = { all: 4096, part: 256 }
/** How long a look-up is waited for, in ms. */
export const LOOKUP_LIFE_MS = 10_000
/** Seconds that a refusal with code 4 tells a device to wait. wire-spec §4.3 */
export const BUSY_S = 5

/**
 * Fills in defaults.
 *
 * @throws PilotlightError PL_BAD_OPTION for a value out of range.
 */
export function checkedConfig(options: EndpointOptions): EndpointConfig {
  const config: EndpointConfig = {
    silenceMaxS: SILENCE_MAX_S,
    graceBaseMs: GRACE_BASE_MS,
    handshakesPerAddress: { perSecond: 20, burst: 5 },
    handshakesPerSecondBeforeCookie: 200,
    pendingHandshakesMax: 4096,
    stepsPromisedMax: 4096,
    probesMax: 4096,
    slotsToLoad: 0,
    share: { index: 0, of: 1 },
    observer: null,
    ...options,
  }
  expectInteger('worker', config.worker, 0, NODES_MAX - 1)
  expectInteger('slots', config.slots, 1, SLOTS_MAX)
  expectInteger('share.of', config.share.of, 1, ENDPOINTS_MAX)
  expectInteger('share.index', config.share.index, 0, config.share.of - 1)
  expectInteger('staticKeys', config.staticKeys.length, 1, 3)
  expectInteger('boot', config.boot.length, BOOT_BYTES, BOOT_BYTES)
  expectInteger('cidKey', config.cidKey.length, KEY_BYTES, KEY_BYTES)
  expectInteger('resetKey', config.resetKey.length, KEY_BYTES, KEY_BYTES)
  expectInteger('silenceMaxS', config.silenceMaxS, 1, SILENCE_MAX_S)
  expectInteger('graceBaseMs', config.graceBaseMs, 0, 3_600_000)
  expectInteger('handshakesPerAddress.perSecond', config.handshakesPerAddress.perSecond, 1, 1_000_000)
  expectInteger('handshakesPerAddress.burst', config.handshakesPerAddress.burst, 1, 1_000_000)
  expectInteger('handshakesPerSecondBeforeCookie', config.handshakesPerSecondBeforeCookie, 0, 1_000_000)
  expectInteger('pendingHandshakesMax', config.pendingHandshakesMax, 1, 65_536)
  expectInteger('stepsPromisedMax', config.stepsPromisedMax, 1, 65_536)
  expectInteger('probesMax', config.probesMax, 1, 65_536)
  expectInteger('slotsToLoad', config.slotsToLoad, 0, config.slots)
  return config
}

function expectInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new PilotlightError('PL_BAD_OPTION', `${name}: ${value}`)
}
