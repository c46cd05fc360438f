import { base64url, fromBase64url } from '../base/base64.js'
import { concat, equalBytes, readU32, writeU32 } from '../base/bytes.js'
import { ascii } from '../base/text.js'
import { type Crypto, NONCE_BYTES, TAG_BYTES } from '../crypto/crypto.js'

/** What a PUID says to the server: who, and which rotation of their name. */
export interface PuidContent {
  /** number of the person, 1 to 2^32 - 1 */
  person: number
  /** 0 to 2^32 - 1, by convention Unix seconds of the consent (docs/consent.md); the person's grant says which one counts */
  rotation: number
}

const PREFIX = 'p_'
const PLAIN_BYTES = 8
const SEALED_BYTES = NONCE_BYTES + PLAIN_BYTES + TAG_BYTES
/** Characters of a PUID. */
export const PUID_CHARACTERS = PREFIX.length + (SEALED_BYTES / 3) * 4
const NOTHING = new Uint8Array(0)

/**
 * The pseudonyms of one application: authenticated encryption of person and rotation under a key of the application,
 * with the nonce made from the content (as in RFC 5297, SIV), so that one person has one PUID and the server no table. Two applications'
 * PUIDs of one person cannot be linked without the PUID key.
 *
 * text = "p_" || base64url(nonce || SEAL(key, nonce, "", person (u32) || rotation (u32)))
 * key = DERIVE(PUID key, "puid", app id), nonce = MAC(DERIVE(PUID key, "puid nonce", app id), plaintext, 12)
 */
export class PuidCodec {
  readonly #crypto: Crypto
  readonly #key: Uint8Array
  readonly #nonceKey: Uint8Array

  /**
   * @param puidKey 32 B, secret of the server.
   * @param appId   8 B.
   */
  constructor(crypto: Crypto, puidKey: Uint8Array, appId: Uint8Array) {
    this.#crypto = crypto
    this.#key = derive(crypto, puidKey, 'puid', appId)
    this.#nonceKey = derive(crypto, puidKey, 'puid nonce', appId)
  }

  /** The PUID of a person for this application: 50 characters. */
  write(content: PuidContent): string {
    const plain = new Uint8Array(PLAIN_BYTES)
    writeU32(plain, 0, content.person)
    writeU32(plain, 4, content.rotation)
    const nonce = this.#nonceOf(plain)
    return PREFIX + base64url(concat(nonce, this.#crypto.seal(this.#key, nonce, NOTHING, plain)))
  }

  /**
   * What a PUID says.
   *
   * @param puid text from an application, never trusted.
   * @returns null if it is not authentic for this application.
   */
  read(puid: string): PuidContent | null {
    if (puid.length !== PUID_CHARACTERS || !puid.startsWith(PREFIX)) return null
    const bytes = fromBase64url(puid.slice(PREFIX.length))
    if (bytes === null || bytes.length !== SEALED_BYTES) return null
    const nonce = bytes.subarray(0, NONCE_BYTES)
    const plain = this.#crypto.open(this.#key, nonce, NOTHING, bytes.subarray(NONCE_BYTES))
    if (plain === null || !equalBytes(nonce, this.#nonceOf(plain))) return null
    return { person: readU32(plain, 0), rotation: readU32(plain, 4) }
  }

  #nonceOf(plain: Uint8Array): Uint8Array {
    return this.#crypto.mac(this.#nonceKey, plain, NONCE_BYTES)
  }
}

/** DERIVE of wire-spec §1. */
function derive(crypto: Crypto, key: Uint8Array, label: string, context: Uint8Array): Uint8Array {
  return crypto.mac(key, concat(ascii(label), Uint8Array.of(0), context), 32)
}
