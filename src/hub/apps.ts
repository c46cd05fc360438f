import { hex } from '../base/bytes.js'
import type { Crypto } from '../crypto/crypto.js'
import { PuidCodec } from '../presence/puid.js'
import { DeviceAliases } from './device-aliases.js'
import type { AppKey } from './message.js'

/** An application. */
export interface HubApp {
  readonly key: AppKey
  /** 8 B */
  readonly id: Uint8Array
  readonly name: string
  /** its number in visibility entries; never used again */
  readonly index: number
  readonly puids: PuidCodec
  readonly aliases: DeviceAliases
}

/** The applications, by key, by id and by index. */
export class Apps {
  readonly #crypto: Crypto
  readonly #puidKey: Uint8Array
  readonly #byKey = new Map<AppKey, HubApp>()
  readonly #byId = new Map<string, HubApp>()
  readonly #byIndex = new Map<number, HubApp>()
  #lastIndex = 0

  /** @param puidKey 32 B. */
  constructor(crypto: Crypto, puidKey: Uint8Array) {
    this.#crypto = crypto
    this.#puidKey = puidKey
  }

  /** Applications. */
  get size(): number {
    return this.#byKey.size
  }

  /** Adds an application; nothing happens if it is here. @param id 8 B, copied. */
  add(key: AppKey, id: Uint8Array, name: string): void {
    if (this.#byKey.has(key)) return
    const puids = new PuidCodec(this.#crypto, this.#puidKey, id)
    const aliases = new DeviceAliases(this.#crypto, this.#puidKey, id)
    const app: HubApp = { key, id: id.slice(), name, index: ++this.#lastIndex, puids, aliases }
    this.#byKey.set(key, app)
    this.#byId.set(hex(id), app)
    this.#byIndex.set(app.index, app)
  }

  /** Removes an application. Entries that name its index mean nobody from now on. */
  remove(app: HubApp): void {
    this.#byKey.delete(app.key)
    this.#byId.delete(hex(app.id))
    this.#byIndex.delete(app.index)
  }

  /** The application with a key, or null. */
  get(key: AppKey): HubApp | null {
    return this.#byKey.get(key) ?? null
  }

  /** The application with an 8-byte id, or null. */
  byId(id: Uint8Array): HubApp | null {
    return this.#byId.get(hex(id)) ?? null
  }

  /** The application with an index, or null. */
  byIndex(index: number): HubApp | null {
    return this.#byIndex.get(index) ?? null
  }
}
