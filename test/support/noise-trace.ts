/**
 * The handshake step by step, written from the Noise paper (rev 34) for this one pattern alone, so that every value
 * between can be printed; an oracle for `noise/` too.
 */
import { concat } from '../../src/base/bytes.js'
import { ascii } from '../../src/base/text.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { hkdf } from '../../src/crypto/hkdf.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { HANDSHAKE_PROLOGUE, HANDSHAKE_PROTOCOL } from '../../src/packet/handshake.js'

/** All secrets of one handshake, 32 B each. */
export interface HandshakeInput {
  deviceStatic: Uint8Array
  deviceEphemeral: Uint8Array
  serverStatic: Uint8Array
  serverEphemeral: Uint8Array
  psk: Uint8Array
  /** 7 B */
  payload1: Uint8Array
  /** 18 B */
  payload2: Uint8Array
}

/** State after one step; null where Noise has none yet. */
export interface TraceStep {
  step: string
  h: Uint8Array
  ck: Uint8Array
  k: Uint8Array | null
}

/** Both Noise messages, the root key and every state on the way. */
export interface HandshakeTrace {
  noise1: Uint8Array
  noise2: Uint8Array
  root: Uint8Array
  steps: TraceStep[]
}

/** Runs `Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s` from both sides' secrets. */
export function traceHandshake(crypto: Crypto, input: HandshakeInput): HandshakeTrace {
  const s = keyPair(crypto, input.deviceStatic)
  const e = keyPair(crypto, input.deviceEphemeral)
  const rs = keyPair(crypto, input.serverStatic)
  const re = keyPair(crypto, input.serverEphemeral)
  const steps: TraceStep[] = []
  let h = crypto.hash(ascii(HANDSHAKE_PROTOCOL))
  let ck = h
  let k: Uint8Array | null = null
  const done = (step: string): void => {
    steps.push({ step, h, ck, k })
  }
  const mixHash = (bytes: Uint8Array): void => {
    h = crypto.hash(concat(h, bytes))
  }
  const mixKey = (material: Uint8Array): void => {
    ;[ck, k] = hkdf(crypto, ck, material, 2)
  }
  const dh = (secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array =>
    crypto.sharedSecret(secretKey, publicKey) as Uint8Array
  // Each key of a handshake seals one text only, so the nonce is always 0.
  const sealed = (plaintext: Uint8Array): Uint8Array => {
    const ciphertext = crypto.seal(k as Uint8Array, new Uint8Array(12), h, plaintext)
    mixHash(ciphertext)
    return ciphertext
  }

  done('protocol name')
  mixHash(HANDSHAKE_PROLOGUE)
  mixHash(rs.publicKey)
  done('prologue, server public key')
  mixHash(e.publicKey)
  mixKey(e.publicKey)
  done('message 1: e')
  mixKey(dh(e.secretKey, rs.publicKey))
  done('message 1: es')
  const sealedStatic = sealed(s.publicKey)
  done('message 1: s')
  mixKey(dh(s.secretKey, rs.publicKey))
  done('message 1: ss')
  const sealedPayload1 = sealed(input.payload1)
  done('message 1: payload')
  mixHash(re.publicKey)
  mixKey(re.publicKey)
  done('message 2: e')
  mixKey(dh(re.secretKey, e.publicKey))
  done('message 2: ee')
  mixKey(dh(re.secretKey, s.publicKey))
  done('message 2: se')
  const [pskCk, pskHash, pskKey] = hkdf(crypto, ck, input.psk, 3)
  ck = pskCk
  k = pskKey
  mixHash(pskHash)
  done('message 2: psk')
  const sealedPayload2 = sealed(input.payload2)
  done('message 2: payload')
  return {
    noise1: concat(e.publicKey, sealedStatic, sealedPayload1),
    noise2: concat(re.publicKey, sealedPayload2),
    root: hkdf(crypto, ck, new Uint8Array(0), 3)[2],
    steps,
  }
}
