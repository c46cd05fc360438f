import { concat } from '../base/bytes.js'
import { type Crypto, expectBytes, KEY_BYTES, TAG_BYTES } from '../crypto/crypto.js'
import { type KeyPair, keyPair } from '../crypto/key-pair.js'
import type { CipherState } from './cipher-state.js'
import type { HandshakePattern, Token } from './pattern.js'
import { SymmetricState } from './symmetric-state.js'

/** Bytes. The longest message that Noise allows. Rev 34 §3. */
export const MAX_MESSAGE_BYTES = 65535

/** What one side brings to a handshake. Arrays are kept, not copied; do not change them. */
export interface HandshakeOptions {
  /** From `parsePattern`. */
  readonly pattern: HandshakePattern
  /** True for the side that writes the first message. */
  readonly initiator: boolean
  /** Bytes that both sides must agree on, any length; empty if not given. */
  readonly prologue?: Uint8Array
  /** Own static pair, if the pattern uses one. */
  readonly s?: KeyPair
  /** Own ephemeral secret, 32 fresh random bytes, if this side writes one. */
  readonly e?: Uint8Array
  /** The peer's static public key, 32 B, exactly if the pattern has it known beforehand. */
  readonly rs?: Uint8Array
  /** Pre-shared keys of 32 B in the pattern's order; null for one that `setPsk` brings later. */
  readonly psks?: readonly (Uint8Array | null)[]
}

/** What a finished handshake leaves. */
export interface HandshakeResult {
  /** Encrypts what this side sends. */
  readonly send: CipherState
  /** Decrypts what the peer sends. */
  readonly receive: CipherState
  /** 32 B, the same on both sides and unique to this handshake. */
  readonly handshakeHash: Uint8Array
}

/** All that a message changes; a message works on a copy, kept only if the message was good. */
interface Progress {
  symmetric: SymmetricState
  ephemeral: KeyPair | null
  remoteEphemeral: Uint8Array | null
  remoteStatic: Uint8Array | null
  messageCount: number
  pskCount: number
}

/**
 * Noise's HandshakeState (rev 34 §5.3) for every pattern of the table, with two promises more:
 *
 * - A message that is refused changes nothing. The good one can still be read after it.
 * - Nothing that a peer can send makes it throw; out of turn or without keys it throws, for those
 *   are the caller's mistakes.
 */
export class HandshakeState {
  readonly #crypto: Crypto
  readonly #pattern: HandshakePattern
  readonly #initiator: boolean
  readonly #static: KeyPair | null
  readonly #ephemeralSecret: Uint8Array | null
  readonly #psks: (Uint8Array | null)[]
  #progress: Progress
  #wasSplit = false

  /**
   * @param crypto  primitives.
   * @param options keys and role.
   * @throws RangeError for a key of the wrong length, too many psks, a static key that the pattern
   *   needs beforehand and lacks, or an `rs` that it does not want.
   */
  constructor(crypto: Crypto, options: HandshakeOptions) {
    const { pattern, initiator, prologue = new Uint8Array(0), s, e, rs, psks = [] } = options
    const rsKnown = initiator ? pattern.responderStaticKnown : pattern.initiatorStaticKnown
    if (rsKnown !== (rs !== undefined)) {
      throw new RangeError(`rs ${rsKnown ? 'missing' : 'not wanted'} in ${pattern.protocolName}`)
    }
    if (rs !== undefined) expectBytes('rs', rs, KEY_BYTES)
    if (e !== undefined) expectBytes('e', e, KEY_BYTES)
    if (psks.length > pattern.pskCount) throw new RangeError('more psks than the pattern has')
    this.#crypto = crypto
    this.#pattern = pattern
    this.#initiator = initiator
    this.#static = s ?? null
    this.#ephemeralSecret = e ?? null
    this.#psks = Array.from({ length: pattern.pskCount }, () => null)
    psks.forEach((psk, index) => {
      if (psk !== null) this.setPsk(index, psk)
    })
    const symmetric = SymmetricState.initialize(crypto, pattern.protocolName)
    symmetric.mixHash(prologue)
    const [initiatorStatic, responderStatic] = initiator ? [s?.publicKey, rs] : [rs, s?.publicKey]
    if (pattern.initiatorStaticKnown) symmetric.mixHash(present(initiatorStatic, 's'))
    if (pattern.responderStaticKnown) symmetric.mixHash(present(responderStatic, 's'))
    this.#progress = {
      symmetric,
      ephemeral: null,
      remoteEphemeral: null,
      remoteStatic: rs ?? null,
      messageCount: 0,
      pskCount: 0,
    }
  }

  /** The peer's static public key, 32 B, once known; null before. */
  get remoteStatic(): Uint8Array | null {
    return this.#progress.remoteStatic
  }

  /** Messages written and read so far. */
  get messageCount(): number {
    return this.#progress.messageCount
  }

  /** Whether all messages are through and `split` may be called. */
  get isComplete(): boolean {
    return this.#progress.messageCount === this.#pattern.messages.length
  }

  /** Whether the next message is this side's to write; false when complete. */
  get isOurTurn(): boolean {
    const initiatorWrites = this.#progress.messageCount % 2 === 0
    return !this.isComplete && initiatorWrites === this.#initiator
  }

  /**
   * Brings a pre-shared key that was not known at the start: in IKpsk2 the responder learns from
   * message 1 which device it is, sets that device's key, then writes message 2.
   *
   * @param index which psk of the pattern, 0 for the first (in IKpsk2 too).
   * @param psk   32 B.
   * @throws RangeError for an index that the pattern does not have or a wrong length.
   */
  setPsk(index: number, psk: Uint8Array): void {
    if (!(index in this.#psks)) throw new RangeError(`no psk ${index} in this pattern`)
    expectBytes('psk', psk, KEY_BYTES)
    this.#psks[index] = psk
  }

  /**
   * Writes the next message.
   *
   * @param payload any length that keeps the message within 65535 B; see the Noise paper, §7.7, for
   *   how well each message of a pattern protects it.
   * @returns the message, or null with nothing changed if a key of the peer is of low order.
   * @throws Error out of turn, or if a key is missing; RangeError if the message is too long.
   */
  writeMessage(payload: Uint8Array): Uint8Array | null {
    const next = this.#begin(true)
    const parts: Uint8Array[] = []
    for (const token of this.#tokens()) {
      if (token === 'e') parts.push(this.#writeEphemeral(next))
      else if (token === 's') {
        parts.push(next.symmetric.encryptAndHash(present(this.#static, 's').publicKey))
      } else if (!this.#mix(token, next)) return null
    }
    parts.push(next.symmetric.encryptAndHash(payload))
    const message = concat(...parts)
    if (message.length > MAX_MESSAGE_BYTES) {
      throw new RangeError(`message of ${message.length} bytes, at most ${MAX_MESSAGE_BYTES}`)
    }
    this.#progress = next
    return message
  }

  /**
   * Reads the next message.
   *
   * @param message any bytes, never trusted.
   * @returns the payload, or null with nothing changed if the message is too short or too long, a
   *   tag does not verify, or a key in it is of low order.
   * @throws Error out of turn, or if a key of our own is missing.
   */
  readMessage(message: Uint8Array): Uint8Array | null {
    const next = this.#begin(false)
    if (message.length > MAX_MESSAGE_BYTES) return null
    let rest = message
    for (const token of this.#tokens()) {
      if (token === 'e' || token === 's') {
        const tagBytes = token === 's' && next.symmetric.hasKey() ? TAG_BYTES : 0
        const bytes = KEY_BYTES + tagBytes
        if (rest.length < bytes) return null
        if (!this.#readKey(token, rest.slice(0, bytes), next)) return null
        rest = rest.subarray(bytes)
      } else if (!this.#mix(token, next)) return null
    }
    const payload = next.symmetric.decryptAndHash(rest)
    if (payload === null) return null
    this.#progress = next
    return payload === rest ? rest.slice() : payload
  }

  /**
   * Ends the handshake. Only once: two ciphers with one key would use its nonces twice.
   *
   * @returns the transport ciphers, at nonce 0, and the handshake hash.
   * @throws Error before the last message, or the second time.
   */
  split(): HandshakeResult {
    if (!this.isComplete) throw new Error('split before the last message')
    if (this.#wasSplit) throw new Error('split twice')
    this.#wasSplit = true
    const { symmetric } = this.#progress
    const [first, second] = symmetric.split()
    const [send, receive] = this.#initiator ? [first, second] : [second, first]
    return { send, receive, handshakeHash: symmetric.handshakeHash }
  }

  /**
   * The secret from which a channel derives its own keys: HKDF(ck, "", 3), third output. The first
   * two are the transport keys, so it may be used beside them or instead of them.
   *
   * @returns 32 B, the same on both sides.
   * @throws Error before the last message.
   */
  exportRoot(): Uint8Array {
    if (!this.isComplete) throw new Error('exportRoot before the last message')
    return this.#progress.symmetric.exportRoot()
  }

  /** A copy of the progress with the next message counted, or a complaint that it is not its turn. */
  #begin(writing: boolean): Progress {
    if (this.isComplete) throw new Error('handshake is complete')
    if (this.isOurTurn !== writing) throw new Error(`not our turn to ${writing ? 'write' : 'read'}`)
    const symmetric = this.#progress.symmetric.copy()
    return { ...this.#progress, symmetric, messageCount: this.#progress.messageCount + 1 }
  }

  #tokens(): readonly Token[] {
    return this.#pattern.messages[this.#progress.messageCount] ?? []
  }

  #writeEphemeral(next: Progress): Uint8Array {
    const pair = keyPair(this.#crypto, present(this.#ephemeralSecret, 'e'))
    next.ephemeral = pair
    this.#mixEphemeral(pair.publicKey, next)
    return pair.publicKey
  }

  #readKey(token: 'e' | 's', bytes: Uint8Array, next: Progress): boolean {
    if (token === 's') {
      next.remoteStatic = next.symmetric.decryptAndHash(bytes)
      return next.remoteStatic !== null
    }
    next.remoteEphemeral = bytes
    this.#mixEphemeral(bytes, next)
    return true
  }

  /** With a psk the ephemeral also goes into the key, so no two handshakes share one. Noise §9.2. */
  #mixEphemeral(publicKey: Uint8Array, next: Progress): void {
    next.symmetric.mixHash(publicKey)
    if (this.#pattern.pskCount > 0) next.symmetric.mixKey(publicKey)
  }

  /** Does what a token without bytes says; false if the peer's key is of low order. */
  #mix(token: Exclude<Token, 'e' | 's'>, next: Progress): boolean {
    if (token === 'psk') {
      const psk = this.#psks[next.pskCount]
      next.symmetric.mixKeyAndHash(present(psk, `psk ${next.pskCount}`))
      next.pskCount++
      return true
    }
    // The first letter is the initiator's key, the second the responder's.
    const [initiatorKey, responderKey] = token
    const own = this.#initiator ? initiatorKey : responderKey
    const remote = this.#initiator ? responderKey : initiatorKey
    const ownPair = own === 'e' ? next.ephemeral : this.#static
    const remoteKey = remote === 'e' ? next.remoteEphemeral : next.remoteStatic
    const shared = this.#crypto.sharedSecret(present(ownPair, `${own}`).secretKey, present(remoteKey, `r${remote}`))
    if (shared === null) return false
    next.symmetric.mixKey(shared)
    return true
  }
}

function present<Value>(value: Value | null | undefined, name: string): Value {
  if (value === null || value === undefined) throw new Error(`handshake needs ${name}`)
  return value
}
