import { PilotlightError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import { type Crypto, KEY_BYTES } from '../crypto/crypto.js'
import type { ZoneSource } from '../presence/zone-source.js'
import type { RingView } from '../ring/ring.js'
import { RING_LIMITS_DEFAULT, type RingLimits } from '../ring/ring-limits.js'

/** Bounds of the hub. */
export interface HubLimits extends RingLimits {
  /** lists on their way at once, each way; the oldest transfer gives way */
  transfersMax: number
  /** key requests at once */
  keyRequestsMax: number
  /** streams of one application */
  streamsPerApp: number
  /** PUIDs of questions for presence that wait for their turn */
  questionPuidsMax: number
  /** replies that wait to be polled before streams are ended */
  repliesMax: number
  /** how long a device counts as present after its session ended, ms */
  endedGraceMs: number
}

/** Limits of this release. */
export const HUB_LIMITS_DEFAULT: HubLimits = {
  ...RING_LIMITS_DEFAULT,
  transfersMax: 4_096,
  keyRequestsMax: 4_096,
  streamsPerApp: 1_000,
  questionPuidsMax: 65_536,
  repliesMax: 65_536,
  endedGraceMs: 10_000,
}

/** Longest silence that a server allows, seconds: wire-spec §14, SILENCE_MAX_S. */
export const LONGEST_SILENCE_DEFAULT_S = 1_800

/** What a hub is made with. */
export interface HubOptions {
  crypto: Crypto
  /** source of secrets */
  random: Random
  /** 32 B: makes PUIDs; must stay the same */
  puidKey: Uint8Array
  /** max(stored + 1, Unix seconds) of this start: the high part of versions */
  bootSeconds: number
  /** Unix seconds that the clock does not go back behind, of lists and grants; default 0 */
  clockSeconds?: number
  /** moment of the start, Unix ms */
  bootedMs: number
  /** the same moment, monotonic ms; default 0 */
  bootedMonotonicMs?: number
  /** so long after the start all who were not heard turn offline, seconds; default 1800 */
  longestSilenceS?: number
  zones: ZoneSource
  limits?: Partial<HubLimits>
  /** told of each state of a ring when it is committed; default null: nobody watches */
  onRing?: ((ring: RingView) => void) | null
}

/** Options with their defaults. */
export interface HubConfig extends Required<Omit<HubOptions, 'limits'>> {
  limits: HubLimits
}

/**
 * Fills in defaults.
 *
 * @throws PilotlightError PL_BAD_OPTION naming the option.
 */
export function checkedHubConfig(options: HubOptions): HubConfig {
  const config: HubConfig = {
    bootedMonotonicMs: 0,
    clockSeconds: 0,
    longestSilenceS: LONGEST_SILENCE_DEFAULT_S,
    onRing: null,
    ...options,
    limits: { ...HUB_LIMITS_DEFAULT, ...options.limits },
  }
  if (config.puidKey.length !== KEY_BYTES) throw new PilotlightError('PL_BAD_OPTION', 'puidKey')
  for (const name of ['bootSeconds', 'clockSeconds', 'bootedMs', 'bootedMonotonicMs', 'longestSilenceS'] as const) {
    if (!(config[name] >= 0 && Number.isFinite(config[name]))) throw new PilotlightError('PL_BAD_OPTION', name)
  }
  for (const [name, value] of Object.entries(config.limits)) {
    if (!(Number.isInteger(value) && value >= 0)) throw new PilotlightError('PL_BAD_OPTION', `limits.${name}`)
  }
  return config
}
