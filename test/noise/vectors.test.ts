import t from 'tap'
import type { Crypto } from '../../src/crypto/crypto.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { type HandshakeOptions, HandshakeState } from '../../src/noise/handshake-state.js'
import { parsePattern } from '../../src/noise/pattern.js'
import { everyCrypto, hex } from '../support/crypto.js'
import { loadVectors, VECTORS_MISSING } from '../support/vectors.js'

interface NoiseVector {
  readonly protocol_name: string
  readonly init_prologue: string
  readonly init_ephemeral: string
  readonly init_static?: string
  readonly init_remote_static?: string
  readonly init_psks?: readonly string[]
  readonly resp_prologue: string
  readonly resp_ephemeral?: string
  readonly resp_static?: string
  readonly resp_remote_static?: string
  readonly resp_psks?: readonly string[]
  readonly handshake_hash: string
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[]
}

const file = loadVectors('noise-25519-chachapoly-blake2s.json') as {
  readonly vectors: readonly NoiseVector[]
} | null
const vectors = file?.vectors ?? []
const skip = file === null && VECTORS_MISSING

t.test('there are 59 vectors, each of another pattern', { skip }, async (t) => {
  t.equal(vectors.length, 59)
  t.equal(new Set(vectors.map((vector) => vector.protocol_name)).size, 59)
})

for (const crypto of await everyCrypto()) {
  t.test(`${crypto.name} follows every vector of cacophony`, { skip }, async (t) => {
    for (const vector of vectors) {
      t.test(vector.protocol_name, async (t) => {
        const [initiator, responder] = sides(crypto, vector)
        const count = parsePattern(vector.protocol_name).messages.length
        let [writer, reader] = [initiator, responder]
        for (const { payload, ciphertext } of vector.messages.slice(0, count)) {
          t.strictSame(writer.writeMessage(hex(payload)), hex(ciphertext))
          t.strictSame(reader.readMessage(hex(ciphertext)), hex(payload))
          ;[writer, reader] = [reader, writer]
        }
        t.ok(initiator.isComplete && responder.isComplete)
        t.strictSame(initiator.exportRoot(), responder.exportRoot())
        const ends = [initiator.split(), responder.split()] as const
        for (const end of ends) t.strictSame(end.handshakeHash, hex(vector.handshake_hash))
        for (const [index, message] of vector.messages.entries()) {
          if (index < count) continue
          // A one-way pattern has one message, and its initiator sends all that follows.
          const fromInitiator = count === 1 || index % 2 === 0
          const [sender, receiver] = fromInitiator ? ends : [ends[1], ends[0]]
          const [plaintext, ciphertext] = [hex(message.payload), hex(message.ciphertext)]
          const empty = new Uint8Array(0)
          t.strictSame(sender.send.encryptWithAd(empty, plaintext), ciphertext)
          t.strictSame(receiver.receive.decryptWithAd(empty, ciphertext), plaintext)
        }
      })
    }
  })

  t.test(`${crypto.name} refuses every damaged message of the vectors`, { skip }, async (t) => {
    // noble takes a minute for all; the state machine above it is the same.
    const some = (vector: NoiseVector) => vector.protocol_name.includes('IKpsk2')
    for (const vector of crypto.name === 'noble' ? vectors.filter(some) : vectors) {
      const accepted: string[] = []
      const [initiator, responder] = sides(crypto, vector)
      const count = parsePattern(vector.protocol_name).messages.length
      let [writer, reader] = [initiator, responder]
      for (const { payload, ciphertext } of vector.messages.slice(0, count)) {
        const good = hex(ciphertext)
        // A payload in the clear has no tag: nothing protects such a message but the next one.
        if (!ciphertext.endsWith(payload)) {
          for (const [name, bad] of damaged(good)) {
            if (reader.readMessage(bad) !== null) accepted.push(name)
          }
        }
        t.strictSame(reader.readMessage(good), hex(payload), 'the good one is still read')
        writer.writeMessage(hex(payload))
        ;[writer, reader] = [reader, writer]
      }
      t.strictSame(accepted, [], vector.protocol_name)
      t.strictSame(responder.split().handshakeHash, hex(vector.handshake_hash))
    }
  })
}

/** Every truncation, one byte more, and one flipped bit in each byte. */
function* damaged(message: Uint8Array): Generator<[string, Uint8Array]> {
  for (let length = 0; length < message.length; length++) {
    yield [`cut to ${length}`, message.subarray(0, length)]
  }
  yield ['one byte more', Uint8Array.of(...message, 0)]
  for (let at = 0; at < message.length; at++) {
    // The top bit of byte 31 is one that X25519 itself ignores.
    const bit = at === 31 ? 7 : at % 8
    yield [`bit ${bit} of byte ${at}`, message.with(at, (message[at] ?? 0) ^ (1 << bit))]
  }
}

function sides(crypto: Crypto, vector: NoiseVector): [HandshakeState, HandshakeState] {
  const pattern = parsePattern(vector.protocol_name)
  return [
    new HandshakeState(crypto, {
      pattern,
      initiator: true,
      prologue: hex(vector.init_prologue),
      ...keys(crypto, vector.init_static, vector.init_ephemeral, vector.init_remote_static),
      psks: (vector.init_psks ?? []).map(hex),
    }),
    new HandshakeState(crypto, {
      pattern,
      initiator: false,
      prologue: hex(vector.resp_prologue),
      ...keys(crypto, vector.resp_static, vector.resp_ephemeral, vector.resp_remote_static),
      psks: (vector.resp_psks ?? []).map(hex),
    }),
  ]
}

function keys(
  crypto: Crypto,
  s: string | undefined,
  e: string | undefined,
  rs: string | undefined,
): Pick<HandshakeOptions, 's' | 'e' | 'rs'> {
  return {
    ...(s !== undefined && { s: keyPair(crypto, hex(s)) }),
    ...(e !== undefined && { e: hex(e) }),
    ...(rs !== undefined && { rs: hex(rs) }),
  }
}
