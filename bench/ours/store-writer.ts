/** Writes a store with any number of devices, through the store's own code: what `pilotlight serve` starts on is real. */
import { hex } from '../../src/base/bytes.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { sealList } from '../../src/frame/sealed-list.js'
import { LIST_VERSIONS_PER_HOUR } from '../../src/packet/constants.js'
import { PuidCodec } from '../../src/presence/puid.js'
import { Offset, SessionFlag } from '../../src/session/record.js'
import { SAVED_SESSION_BYTES, saveSession } from '../../src/session/saved.js'
import { SessionSlab } from '../../src/session/slab.js'
import type { SessionView } from '../../src/session/view.js'
import { openDatabase } from '../../src/store/database.js'
import { openEngine } from '../../src/store/engine.js'
import { databaseFile, defaultKeyFile } from '../../src/store/folder-layout.js'
import { type KeyFile, readKeyFile } from '../../src/store/key-file.js'
import { openTables, type Tables } from '../../src/store/tables.js'
import { BenchError } from '../bench-error.js'
import { accountOf, accountsFor, generatedBoot, Identities } from './identity.js'
import { listOf, PUID_ROTATION } from './list.js'

/** What a store is to hold. */
export interface StorePlan {
  /** new or empty */
  folder: string
  seed: string
  devices: number
  /**
   * devices 0 to this - 1 have a live session; all if left out. The others can handshake: their public keys are real (50 to
   * 250 us each). Those with a session have random bytes for it.
   */
  live?: number
  /** applications; every person lets four of them in. Default 0: nobody has a list. */
  apps?: number
  /** Unix ms; default now */
  wallMs?: number
  progress?: (line: string) => void
}

/** What a load process must know of a generated store, as JSON; the devices themselves follow from seed and number. */
export interface StoreFacts {
  folder: string
  seed: string
  devices: number
  live: number
  accounts: number
  /** of the list of every account; 0 none */
  listVersion: number
  apps: StoredApp[]
  /** base64 */
  cidKey: string
  /** base64, of the server's static key */
  serverKey: string
  /** sealed bytes of each session */
  sessionBytes: number
  seconds: number
}

/** An application of a generated store. */
export interface StoredApp {
  /** hex of 8 B */
  id: string
  apiKey: string
}

/** Devices of a transaction. */
const DEVICES_PER_COMMIT = 10_000
/** Page cache for each device, while it is written: three indexes of random keys must fit, or each row costs three pages. */
const CACHE_BYTES_PER_DEVICE = 300
const CACHE_BYTES_MIN = 64 * 2 ** 20
const CACHE_BYTES_MAX = 4 * 2 ** 30
/** Highest number that the server heard of each device. */
const HEARD = 100_000

/**
 * Writes the store and closes it. The memory it needs is bounded: the page cache (300 B a device, 4 GiB at most) and one
 * transaction of rows.
 *
 * @throws BenchError if the folder holds devices already; PilotlightError of the store.
 */
export function writeStore(crypto: Crypto, plan: StorePlan): StoreFacts {
  const { folder, seed, devices, live = devices, apps = 0, wallMs = Date.now() } = plan
  const startMs = performance.now()
  // Makes folder, key file and key check as a server does at its first start.
  openEngine({ folder, keyFile: defaultKeyFile(folder), crypto }).close()
  const keys = readKeyFile(defaultKeyFile(folder)) as KeyFile
  const database = openDatabase(databaseFile(folder))
  try {
    // A store that is cut off while it is written is thrown away: nothing is flushed. SQLite in its defensive mode refuses to
    // have no journal at all; left at WAL, the log would grow to many times the database.
    const journal = database.pragma('journal_mode = MEMORY', { simple: true })
    if (journal !== 'memory') throw new BenchError(`the store keeps its journal in ${journal}`, 1)
    database.pragma('synchronous = OFF')
    database.pragma('secure_delete = OFF')
    const cache = Math.min(CACHE_BYTES_MAX, Math.max(CACHE_BYTES_MIN, devices * CACHE_BYTES_PER_DEVICE))
    database.pragma(`cache_size = ${-Math.ceil(cache / 1024)}`)
    const tables = openTables(database, crypto, keys.masterKey)
    if (tables.accounts.all().length > 0) throw new BenchError(`${folder} holds accounts already`)
    const stored = Array.from({ length: apps }, (_, nth) => tables.apps.add(`App ${nth}`, wallMs))
    const listVersion = apps === 0 ? 0 : Math.floor(wallMs / 3_600_000) * LIST_VERSIONS_PER_HOUR
    const writer = new RowWriter(crypto, tables, {
      seed,
      live,
      wallMs,
      listVersion,
      apps: stored.map(({ app }) => app.appId),
    })
    const commit = database.transaction((from: number, to: number) => {
      for (let device = from; device < to; device++) writer.write(device)
    })
    for (let from = 0; from < devices; from += DEVICES_PER_COMMIT) {
      const to = Math.min(devices, from + DEVICES_PER_COMMIT)
      commit(from, to)
      if (to % 100_000 === 0) plan.progress?.(`${to} of ${devices} devices are written`)
    }
    return {
      folder,
      seed,
      devices,
      live: Math.min(live, devices),
      accounts: accountsFor(devices),
      listVersion,
      apps: stored.map(({ app, apiKey }) => ({ id: hex(app.appId), apiKey })),
      cidKey: Buffer.from(keys.cidKey).toString('base64'),
      serverKey: Buffer.from(crypto.publicKey((keys.statics[0] as KeyFile['statics'][0]).secret)).toString('base64'),
      sessionBytes: SAVED_SESSION_BYTES,
      seconds: (performance.now() - startMs) / 1000,
    }
  } finally {
    database.close()
  }
}

/** What an application calls a person: as the server makes it, with the key of the store. */
export function puidWriter(crypto: Crypto, facts: StoreFacts, app: number): (account: number) => string {
  const { puidKey } = readKeyFile(defaultKeyFile(facts.folder)) as KeyFile
  const codec = new PuidCodec(crypto, puidKey, new Uint8Array(Buffer.from(facts.apps[app]?.id ?? '', 'hex')))
  return (account) => codec.write({ person: account + 1, rotation: PUID_ROTATION })
}

/** What every row is made from. */
interface RowPlan {
  seed: string
  live: number
  wallMs: number
  listVersion: number
  apps: readonly Uint8Array[]
}

/** Makes the rows of one device after the other, and of its account with the first of them. */
class RowWriter {
  readonly #crypto: Crypto
  readonly #tables: Tables
  readonly #plan: RowPlan
  readonly #identities: Identities
  readonly #view: SessionView = new SessionSlab('server', 1).view()
  readonly #boot = generatedBoot()
  #account = -1

  constructor(crypto: Crypto, tables: Tables, plan: RowPlan) {
    this.#crypto = crypto
    this.#tables = tables
    this.#plan = plan
    this.#identities = new Identities(crypto, plan.seed)
  }

  write(device: number): void {
    const { accounts, devices } = this.#tables
    const { wallMs, live } = this.#plan
    const account = accountOf(device)
    const { root, psk, secretKey } = this.#identities.of(device)
    if (account !== this.#account) {
      const { person } = accounts.add('', wallMs)
      if (person !== account + 1) throw new BenchError(`account ${account} became person ${person}`, 1)
      this.#account = account
      this.#putList(account, psk)
    }
    // A secret is as random as a public key, where nobody computes with it.
    const publicKey = device < live ? secretKey : this.#crypto.publicKey(secretKey)
    const enrolled = devices.add(account + 1, publicKey, '', wallMs, psk)
    if (typeof enrolled === 'string') throw new BenchError(`device ${device}: ${enrolled}`, 1)
    if (device < live) devices.commitSession(enrolled.device, wallMs, 0, this.#session(root))
  }

  /** The session as a server saves it that has heard the device. */
  #session(root: Uint8Array): Uint8Array {
    const view = this.#view
    view.clearSession()
    view.raise(SessionFlag.inUse | SessionFlag.spareKnown)
    view.write(Offset.root, root)
    view.write(Offset.deviceBoot, this.#boot)
    view.high = HEARD
    return saveSession(view)
  }

  #putList(account: number, key: Uint8Array): void {
    const { apps, listVersion } = this.#plan
    if (listVersion === 0) return
    const sealed = sealList(this.#crypto, key, listVersion, key.subarray(0, 16), listOf(account, apps))
    this.#tables.accounts.putList(account + 1, 0, listVersion, sealed)
  }
}
