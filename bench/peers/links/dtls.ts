/**
 * A DTLS 1.2 client (RFC 6347) with a pre-shared key (RFC 4279) and TLS_PSK_WITH_AES_128_CCM_8 (RFC 6655), which CoAP
 * names as mandatory (RFC 7252 section 9.1.3.1). Node has none, and libcoap's own client holds one session. Made for a
 * loopback without loss: no retransmissions, no fragments. The primitives are those of node:crypto.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto'

/** Key and identity of every client. */
export const PSK = 'pilotlight-bench'
export const IDENTITY = 'CoAP'

const CHANGE_CIPHER_SPEC = 20
const HANDSHAKE = 22
const APPLICATION = 23
const HELLO_REQUEST_VERIFY = 3
const [CLIENT_HELLO, SERVER_HELLO, SERVER_HELLO_DONE, CLIENT_KEY_EXCHANGE, FINISHED] = [1, 2, 14, 16, 20]
const SUITE = 0xc0a8
const VERSION = 0xfefd
const VERSION_1_0 = 0xfeff
const HEAD_BYTES = 13
const MESSAGE_HEAD_BYTES = 12
const EXPLICIT_NONCE_BYTES = 8
const TAG_BYTES = 8
const OPEN_BYTES = HEAD_BYTES + EXPLICIT_NONCE_BYTES + TAG_BYTES

/** The state of one session: datagrams go in, datagrams come out by `send`. */
export class DtlsClient {
  readonly #send: (datagram: Buffer) => void
  readonly #random = randomBytes(32)
  readonly #transcript: Buffer[] = []
  #serverRandom: Buffer = Buffer.alloc(32)
  #master: Buffer = Buffer.alloc(0)
  #keys: { out: Buffer; in: Buffer; outIv: Buffer; inIv: Buffer } | null = null
  #epoch = 0
  #record = 0
  #message = 0
  /** set when the server's Finished was right */
  isOpen = false

  constructor(send: (datagram: Buffer) => void) {
    this.#send = send
  }

  start(): void {
    this.#hello(Buffer.alloc(0))
  }

  /**
   * Takes one datagram.
   *
   * @returns application bytes in it, if it has some.
   * @throws Error on an alert, on what does not open, and on what this client does not know.
   */
  handle(datagram: Buffer): Buffer | null {
    let found: Buffer | null = null
    for (let at = 0; at + HEAD_BYTES <= datagram.length; ) {
      const end = at + HEAD_BYTES + datagram.readUInt16BE(at + 11)
      const record = datagram.subarray(at, end)
      at = end
      const isSealed = record.readUInt16BE(3) > 0
      const content = isSealed ? this.#open(record) : record.subarray(HEAD_BYTES)
      if (record[0] === APPLICATION) found = content
      else if (record[0] === HANDSHAKE) this.#handshake(content)
      else if (record[0] !== CHANGE_CIPHER_SPEC) throw new Error(`DTLS alert ${content[1]}`)
    }
    return found
  }

  /** One datagram with application bytes. */
  seal(content: Uint8Array, type = APPLICATION): Buffer {
    const { out, outIv } = this.#keys!
    const head = this.#head(type, content.length + EXPLICIT_NONCE_BYTES + TAG_BYTES)
    const explicit = head.subarray(3, 11)
    const associated = Buffer.concat([explicit, Buffer.of(type), head.subarray(1, 3), u16(content.length)])
    const nonce = Buffer.concat([outIv, explicit])
    const cipher = createCipheriv('aes-128-ccm', out, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(associated, { plaintextLength: content.length })
    const sealed = cipher.update(content)
    cipher.final()
    return Buffer.concat([head, explicit, sealed, cipher.getAuthTag()])
  }

  #open(record: Buffer): Buffer {
    const keys = this.#keys
    if (keys === null || record.length < OPEN_BYTES) throw new Error('a DTLS record came too early, or short')
    const explicit = record.subarray(HEAD_BYTES, HEAD_BYTES + EXPLICIT_NONCE_BYTES)
    const bytes = record.length - OPEN_BYTES
    const associated = Buffer.concat([record.subarray(3, 11), record.subarray(0, 3), u16(bytes)])
    const nonce = Buffer.concat([keys.inIv, explicit])
    const decipher = createDecipheriv('aes-128-ccm', keys.in, nonce, { authTagLength: TAG_BYTES })
    decipher.setAuthTag(record.subarray(-TAG_BYTES))
    decipher.setAAD(associated, { plaintextLength: bytes })
    const content = decipher.update(record.subarray(HEAD_BYTES + EXPLICIT_NONCE_BYTES, -TAG_BYTES))
    decipher.final()
    return content
  }

  #handshake(messages: Buffer): void {
    for (let at = 0; at + MESSAGE_HEAD_BYTES <= messages.length; ) {
      const end = at + MESSAGE_HEAD_BYTES + messages.readUIntBE(at + 1, 3)
      const message = messages.subarray(at, end)
      at = end
      const content = message.subarray(MESSAGE_HEAD_BYTES)
      const type = message[0]!
      if (type === HELLO_REQUEST_VERIFY) {
        // The first hello and its answer are in no transcript.
        this.#transcript.length = 0
        this.#hello(content.subarray(3, 3 + content[2]!))
        continue
      }
      if (type === FINISHED) {
        this.#checkFinished(content)
        continue
      }
      this.#transcript.push(Buffer.from(message))
      if (type === SERVER_HELLO) this.#serverRandom = Buffer.from(content.subarray(2, 34))
      else if (type === SERVER_HELLO_DONE) this.#finish()
    }
  }

  #hello(cookie: Buffer): void {
    const content = Buffer.concat([
      u16(VERSION),
      this.#random,
      Buffer.of(0, cookie.length),
      cookie,
      u16(2),
      u16(SUITE),
      Buffer.of(1, 0),
      // extended master secret, RFC 7627
      u16(4),
      u16(23),
      u16(0),
    ])
    this.#send(this.#plain(HANDSHAKE, this.#messageOf(CLIENT_HELLO, content), VERSION_1_0))
  }

  #finish(): void {
    const identity = Buffer.from(IDENTITY)
    const exchange = this.#messageOf(CLIENT_KEY_EXCHANGE, Buffer.concat([u16(identity.length), identity]))
    const key = Buffer.from(PSK)
    const premaster = Buffer.concat([u16(key.length), Buffer.alloc(key.length), u16(key.length), key])
    this.#master = prf(premaster, 'extended master secret', this.#digest(), 48)
    const block = prf(this.#master, 'key expansion', Buffer.concat([this.#serverRandom, this.#random]), 40)
    this.#keys = {
      out: block.subarray(0, 16),
      in: block.subarray(16, 32),
      outIv: block.subarray(32, 36),
      inIv: block.subarray(36, 40),
    }
    const first = this.#plain(HANDSHAKE, exchange, VERSION)
    const change = this.#plain(CHANGE_CIPHER_SPEC, Buffer.of(1), VERSION)
    this.#epoch = 1
    this.#record = 0
    const finished = this.#messageOf(FINISHED, prf(this.#master, 'client finished', this.#digest(), 12))
    this.#send(Buffer.concat([first, change, this.seal(finished, HANDSHAKE)]))
  }

  #checkFinished(content: Buffer): void {
    if (!prf(this.#master, 'server finished', this.#digest(), 12).equals(content))
      throw new Error('DTLS Finished differs')
    this.#transcript.length = 0
    this.isOpen = true
  }

  #messageOf(type: number, content: Buffer): Buffer {
    const length = u24(content.length)
    const message = Buffer.concat([Buffer.of(type), length, u16(this.#message++), u24(0), length, content])
    this.#transcript.push(message)
    return message
  }

  #digest(): Buffer {
    return createHash('sha256').update(Buffer.concat(this.#transcript)).digest()
  }

  #plain(type: number, content: Buffer, version: number): Buffer {
    return Buffer.concat([this.#head(type, content.length, version), content])
  }

  #head(type: number, bytes: number, version = VERSION): Buffer {
    const head = Buffer.alloc(HEAD_BYTES)
    head[0] = type
    head.writeUInt16BE(version, 1)
    head.writeUInt16BE(this.#epoch, 3)
    head.writeUIntBE(this.#record++, 5, 6)
    head.writeUInt16BE(bytes, 11)
    return head
  }
}

/** The PRF of TLS 1.2 with SHA-256. RFC 5246 section 5 */
function prf(secret: Buffer, label: string, seed: Buffer, bytes: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label), seed])
  const mac = (...parts: Buffer[]) => createHmac('sha256', secret).update(Buffer.concat(parts)).digest()
  let made: Buffer = Buffer.alloc(0)
  for (let a = mac(labelled); made.length < bytes; a = mac(a)) made = Buffer.concat([made, mac(a, labelled)])
  return made.subarray(0, bytes)
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 255)
}

function u24(value: number): Buffer {
  return Buffer.of(value >> 16, (value >> 8) & 255, value & 255)
}
