/** The pure core of a server, loaded with what the store kept. */
import { writeU32 } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import { type KeyPair, keyPair } from '../crypto/key-pair.js'
import { partsBelow, SLOTS_MAX } from '../endpoint/device-handle.js'
import type { HubOptions } from '../hub/config.js'
import { Hub } from '../hub/hub.js'
import type { RingView } from '../hub/message.js'
import { BOOT_BYTES } from '../packet/constants.js'
import type { ChannelObserver } from '../session/observer.js'
import { partsOf } from '../store/parts.js'
import type { Boot, Store } from '../store/store.js'
import { EndpointWorkers } from './endpoint-workers.js'
import { type EndpointSettings, type Endpoints, NODE, OneEndpoint } from './endpoints.js'
import { systemRandom } from './system-random.js'
import { systemZones } from './zones.js'

/** The endpoints and their hub. */
export interface Core {
  endpoints: Endpoints
  hub: Hub
  /** what the hub was made with */
  hubOptions: HubOptions
  /** wall clock of the start, ms */
  bootedMs: number
  /** static keys in use, current first */
  statics: readonly KeyPair[]
  /** Parts of devices, with their sessions, that are to be loaded: see `DeviceLoader`. */
  deviceParts: readonly number[]
  ringsLoaded: number
}

/** What the core is made of. */
export interface CoreParts {
  boot: Boot
  /** where persons are read, in parts */
  store: Pick<Store, 'persons'>
  crypto: Crypto
  /** longest silence that a device may promise, seconds */
  silenceMaxS: number
  /** moment of the start */
  now: Now
  /** told of everything that the core does; null: nobody watches */
  observer: ChannelObserver | null
  /** 1: the endpoint is in this thread; 2 to 64: so many in threads of their own, which nobody can watch. Default 1 */
  workers?: number
  /** primitives of such threads, as a `Crypto` object could not cross to them. Default 'native' */
  workerCrypto?: 'native' | 'noble'
}

/** Makes endpoints and hub and loads what the store kept: applications, persons, rings, consents. Devices come later. */
export async function loadCore(parts: CoreParts): Promise<Core> {
  const { boot, store, crypto, silenceMaxS, now, observer, workers = 1, workerCrypto = 'native' } = parts
  const random = systemRandom()
  const { keys, bootSeconds, clockSeconds } = boot
  const statics = keys.staticSecrets.map((secret) => keyPair(crypto, secret))
  const settings: EndpointSettings = {
    worker: NODE,
    slots: SLOTS_MAX,
    slotsToLoad: boot.slots,
    staticKeys: statics,
    boot: bootValue(bootSeconds, random),
    cidKey: keys.cidKey,
    resetKey: keys.resetKey,
    silenceMaxS,
    announcesKey: statics.length > 1,
  }
  const hubOptions: HubOptions = {
    crypto,
    random,
    puidKey: keys.puidKey,
    bootSeconds,
    clockSeconds,
    bootedMs: now.wallMs,
    bootedMonotonicMs: now.monotonicMs,
    longestSilenceS: silenceMaxS,
    zones: systemZones(),
  }
  const hub = new Hub({ ...hubOptions, onRing: ringTeller(observer) })
  const endpoints =
    workers === 1
      ? new OneEndpoint(crypto, random, { ...settings, observer }, now)
      : new EndpointWorkers({ count: workers, crypto: workerCrypto, settings })
  try {
    const ringsLoaded = await load(boot, store, hub)
    const deviceParts = partsBelow(NODE, boot.slots)
    return { endpoints, hub, hubOptions, statics, bootedMs: now.wallMs, deviceParts, ringsLoaded }
  } catch (error) {
    await endpoints.stop()
    throw error
  }
}

/** @returns how many rings were loaded. */
async function load({ apps, slots, rings, grants }: Boot, store: CoreParts['store'], hub: Hub): Promise<number> {
  for (const { app, appId, name } of apps) hub.addApp(app, appId, name)
  for await (const part of partsOf((from) => store.persons(from))) {
    const { count, persons, listVersions } = part
    for (let at = 0; at < count; at++) hub.addPerson(persons[at] as number, listVersions[at] as number)
  }
  hub.expectDevices(NODE, slots)
  for (const row of grants) hub.loadGrant(row)
  return rings.filter(({ row }) => hub.loadRing(row)).length
}

/** Tells of a ring what is no text, pseudonym or application id. */
function ringTeller(observer: ChannelObserver | null): ((ring: RingView) => void) | null {
  if (observer === null) return null
  return ({ ring, state, reason }) =>
    observer.onNote({
      name: 'ring_updated',
      group: null,
      fields: { ring, state, ...(reason === '' ? {} : { reason }) },
    })
}

/** 4 B of seconds and 8 random ones: wire-spec §5.3. The store has the seconds already. */
function bootValue(bootSeconds: number, random: Random): Uint8Array {
  const boot = random.fill(new Uint8Array(BOOT_BYTES))
  writeU32(boot, 0, bootSeconds)
  return boot
}
