import { base64url, fromBase64url } from '../base/base64.js'
import { concat, equalBytes, readU32, readU48, writeU32, writeU48 } from '../base/bytes.js'
import { ascii } from '../base/text.js'
import { type Crypto, NONCE_BYTES, TAG_BYTES } from '../crypto/crypto.js'
import { ALIAS_PREFIX } from '../ring/ring.js'
import type { DeviceAlias } from '../ring/ring-ports.js'

const PLAIN_BYTES = 20
const SEALED_BYTES = NONCE_BYTES + PLAIN_BYTES + TAG_BYTES
/** Characters of an alias. */
const ALIAS_CHARACTERS = ALIAS_PREFIX.length + (SEALED_BYTES / 3) * 4
const NOTHING = new Uint8Array(0)

/**
 * What one application may call a device that accepted a ring of it, for a while: what its developers know as device handle.
 * Made as a PUID is (`presence/puid.ts`), so the server keeps no table, and a restart takes none back. Its time is part of
 * it, so that two of them do not tell whether they are of one device.
 *
 * text = "d_" || base64url(nonce || SEAL(key, nonce, "", person (u32) || rotation (u32) || device (u48) || until (u48)))
 */
export class DeviceAliases {
  readonly #crypto: Crypto
  readonly #key: Uint8Array
  readonly #nonceKey: Uint8Array

  /**
   * @param puidKey 32 B, secret of the server.
   * @param appId   8 B.
   */
  constructor(crypto: Crypto, puidKey: Uint8Array, appId: Uint8Array) {
    const derive = (label: string) => crypto.mac(puidKey, concat(ascii(label), Uint8Array.of(0), appId), 32)
    this.#crypto = crypto
    this.#key = derive('device alias')
    this.#nonceKey = derive('device alias nonce')
  }

  /** The alias of a device: 66 characters. */
  write({ person, rotation, device, untilMs }: DeviceAlias): string {
    const plain = new Uint8Array(PLAIN_BYTES)
    writeU32(plain, 0, person)
    writeU32(plain, 4, rotation)
    writeU48(plain, 8, device)
    writeU48(plain, 14, untilMs)
    const nonce = this.#nonceOf(plain)
    return ALIAS_PREFIX + base64url(concat(nonce, this.#crypto.seal(this.#key, nonce, NOTHING, plain)))
  }

  /**
   * What an alias says.
   *
   * @param alias text from an application, never trusted.
   * @param wallMs Unix ms.
   * @returns null if it is not authentic for this application, or has expired: nobody can tell which.
   */
  read(alias: string, wallMs: number): DeviceAlias | null {
    if (alias.length !== ALIAS_CHARACTERS || !alias.startsWith(ALIAS_PREFIX)) return null
    const bytes = fromBase64url(alias.slice(ALIAS_PREFIX.length))
    if (bytes?.length !== SEALED_BYTES) return null
    const nonce = bytes.subarray(0, NONCE_BYTES)
    const plain = this.#crypto.open(this.#key, nonce, NOTHING, bytes.subarray(NONCE_BYTES))
    if (plain === null || !equalBytes(nonce, this.#nonceOf(plain))) return null
    const untilMs = readU48(plain, 14)
    if (wallMs >= untilMs) return null
    return { person: readU32(plain, 0), rotation: readU32(plain, 4), device: readU48(plain, 8), untilMs }
  }

  #nonceOf(plain: Uint8Array): Uint8Array {
    return this.#crypto.mac(this.#nonceKey, plain, NONCE_BYTES)
  }
}
