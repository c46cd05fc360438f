/**
 * The record layer of TLS 1.3 (RFC 8446 section 5) after a handshake that `node:tls` made, from its key log. A generator
 * that sealed its pings by `node:tls` would cost three times the server that it is to load.
 */
import { type CipherGCM, createCipheriv, createDecipheriv, createHmac, type DecipherGCM } from 'node:crypto'

const HEAD_BYTES = 5
const TAG_BYTES = 16
const APPLICATION_DATA = 23
const ALERT = 21
/** Records that a server may have sent before the first that we look at: session tickets. */
const TICKETS_MAX = 8

const CIPHERS = {
  TLS_AES_128_GCM_SHA256: { cipher: 'aes-128-gcm', hash: 'sha256', keyBytes: 16 },
  TLS_AES_256_GCM_SHA384: { cipher: 'aes-256-gcm', hash: 'sha384', keyBytes: 32 },
} as const

/** Cipher suites that this file knows, for `node:tls`. */
export const CIPHER_SUITES = Object.keys(CIPHERS).join(':')

/** Bytes that a record has beside its plaintext: header, content type and tag. */
export const RECORD_EXTRA_BYTES = HEAD_BYTES + 1 + TAG_BYTES

/** One direction: its key, and the number of the next record. */
export class Records {
  readonly #cipher: 'aes-128-gcm' | 'aes-256-gcm'
  readonly #key: Uint8Array
  readonly #iv: Buffer
  readonly #nonce = Buffer.alloc(12)
  next = 0

  /** @param secret `CLIENT_TRAFFIC_SECRET_0` or `SERVER_TRAFFIC_SECRET_0` of the key log. */
  constructor(suite: string, secret: Buffer) {
    const known = CIPHERS[suite as keyof typeof CIPHERS]
    if (known === undefined) throw new Error(`cipher suite ${suite} is not known`)
    this.#cipher = known.cipher
    this.#key = expandLabel(known.hash, secret, 'key', known.keyBytes)
    this.#iv = expandLabel(known.hash, secret, 'iv', 12)
  }

  /** Seals one record into `out` at `at`; returns its end. */
  seal(plaintext: Uint8Array, out: Buffer, at: number): number {
    const sealedBytes = plaintext.length + 1 + TAG_BYTES
    out[at] = APPLICATION_DATA
    out.writeUInt16BE(0x0303, at + 1)
    out.writeUInt16BE(sealedBytes, at + 3)
    const cipher = createCipheriv(this.#cipher, this.#key, this.#nonceOf(this.next++)) as CipherGCM
    cipher.setAAD(out.subarray(at, at + HEAD_BYTES))
    const body = cipher.update(Buffer.concat([plaintext, Buffer.of(APPLICATION_DATA)]))
    cipher.final()
    out.set(body, at + HEAD_BYTES)
    out.set(cipher.getAuthTag(), at + HEAD_BYTES + body.length)
    return at + HEAD_BYTES + sealedBytes
  }

  /**
   * Opens the next record, header included. The first may be any of the first few, as tickets may have gone elsewhere.
   *
   * @returns the plaintext, or null for what is not application data.
   * @throws Error if it does not open, and on an alert.
   */
  open(record: Uint8Array): Buffer | null {
    const tries = this.next === 0 ? TICKETS_MAX : 1
    for (let number = this.next; number < this.next + tries; number++) {
      const opened = this.#openAs(number, record)
      if (opened === null) continue
      this.next = number + 1
      let end = opened.length - 1
      while (end > 0 && opened[end] === 0) end--
      if (opened[end] === ALERT) throw new Error('TLS alert')
      return opened[end] === APPLICATION_DATA ? opened.subarray(0, end) : null
    }
    throw new Error('a TLS record does not open')
  }

  #openAs(number: number, record: Uint8Array): Buffer | null {
    const decipher = createDecipheriv(this.#cipher, this.#key, this.#nonceOf(number)) as DecipherGCM
    decipher.setAAD(record.subarray(0, HEAD_BYTES))
    decipher.setAuthTag(record.subarray(record.length - TAG_BYTES))
    try {
      return Buffer.concat([decipher.update(record.subarray(HEAD_BYTES, record.length - TAG_BYTES)), decipher.final()])
    } catch {
      return null
    }
  }

  #nonceOf(number: number): Buffer {
    this.#iv.copy(this.#nonce)
    this.#nonce.writeUInt32BE((this.#iv.readUInt32BE(8) ^ number) >>> 0, 8)
    return this.#nonce
  }
}

/** Whole size of the record that begins here; null while it is not whole. */
export function recordBytes(received: Uint8Array, at: number): number | null {
  if (received.length < at + HEAD_BYTES) return null
  const bytes = HEAD_BYTES + ((received[at + 3]! << 8) | received[at + 4]!)
  return received.length < at + bytes ? null : bytes
}

/** HKDF-Expand-Label with an empty context, for outputs of at most one block. RFC 8446 section 7.1 */
function expandLabel(hash: 'sha256' | 'sha384', secret: Buffer, label: string, bytes: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`)
  const info = Buffer.concat([Buffer.of(0, bytes, name.length), name, Buffer.of(0)])
  return createHmac(hash, secret).update(info).update(Buffer.of(1)).digest().subarray(0, bytes)
}
