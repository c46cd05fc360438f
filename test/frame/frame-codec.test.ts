import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { fromHex, hex } from '../../src/base/bytes.js'
import { readSequence, writeSequence } from '../../src/frame/cbor.js'
import type { DeviceFrame, ServerFrame } from '../../src/frame/frame.js'
import { decodeFrames, encodeFrames } from '../../src/frame/frame-codec.js'
import {
  oneByteFrame,
  oneByteValue,
  pingByte,
  pingStateOf,
  pongByte,
  silenceClassOf,
} from '../../src/frame/one-byte.js'
import { deviceFrames, ping, pong, serverFrames } from '../support/frames.js'
import { withHostileBytes } from '../support/hostile-bytes.js'
import { MALFORMED_D2S, MALFORMED_S2D } from '../support/malformed-frames.js'

const LIMITS = { frames: 64, items: 256, depth: 4 }
const d2s = (text: string) => decodeFrames(fromHex(text), 'd2s')
const s2d = (text: string) => decodeFrames(fromHex(text), 's2d')
const anyDeviceFrames = fc
  .tuple(fc.option(ping), fc.array(fc.oneof(...Object.values(deviceFrames)), { maxLength: 5 }))
  .map(([first, rest]) => (first === null ? rest : [first, ...rest]))
const anyServerFrames = fc
  .tuple(fc.option(pong), fc.array(fc.oneof(...Object.values(serverFrames)), { maxLength: 5 }))
  .map(([first, rest]) => (first === null ? rest : [first, ...rest]))

t.test('every kind goes there and back, alone and with others', async () => {
  for (const one of [ping, ...Object.values(deviceFrames)]) {
    fc.assert(
      fc.property(one, (frame: DeviceFrame) => {
        assert.deepEqual(decodeFrames(encodeFrames([frame], 'd2s'), 'd2s'), [frame])
      }),
    )
  }
  for (const one of [pong, ...Object.values(serverFrames)]) {
    fc.assert(
      fc.property(one, (frame: ServerFrame) => {
        assert.deepEqual(decodeFrames(encodeFrames([frame], 's2d'), 's2d'), [frame])
      }),
    )
  }
  fc.assert(
    fc.property(anyDeviceFrames, (frames) => {
      assert.deepEqual(decodeFrames(encodeFrames(frames, 'd2s'), 'd2s'), frames)
    }),
  )
  fc.assert(
    fc.property(anyServerFrames, (frames) => {
      assert.deepEqual(decodeFrames(encodeFrames(frames, 's2d'), 's2d'), frames)
    }),
  )
})

t.test('PING and PONG are the 48 one-byte integers, alike on the fast path and on the other', async (t) => {
  for (let value = 0; value < 48; value++) {
    const number = value < 24 ? value : 23 - value // wire-spec §7.1
    const byte = writeSequence([number])
    t.equal(byte.length, 1)
    t.equal(oneByteFrame(value), byte[0])
    t.equal(oneByteValue(byte[0] as number), value)
    const frame: DeviceFrame = { kind: 'ping', state: pingStateOf(value), silenceClass: silenceClassOf(value) }
    t.equal(pingByte(frame.state, frame.silenceClass), byte[0])
    t.strictSame(encodeFrames([frame], 'd2s'), byte)
    t.equal(pongByte(value + 48 * 1000), byte[0])
    t.strictSame(s2d(hex(byte)), [{ kind: 'pong', residue: value }])
    t.strictSame(d2s(hex(byte)), [frame])
    t.strictSame(d2s(`${hex(byte)}f6`), [frame])
    t.strictSame(d2s(`${hex(byte)}190100`), [frame, { kind: 'ack', id: 256 }])
    t.strictSame(encodeFrames([frame, { kind: 'ack', id: 256 }], 'd2s'), fromHex(`${hex(byte)}190100`))
  }
  for (let byte = 0; byte < 256; byte++) {
    const isOneByteInteger = byte < 24 || (byte >= 32 && byte < 56)
    if (oneByteValue(byte) >= 0 !== isOneByteInteger) t.fail(`byte ${byte}`)
  }
})

t.test('[R-7-2] [R-7.1-1] the malformed list, d2s', async (t) => {
  for (const [reason, text] of Object.entries(MALFORMED_D2S)) {
    t.equal(d2s(text), null, reason)
    t.ok(readSequence(fromHex(text), LIMITS), `${reason}: good CBOR`)
  }
  t.strictSame(d2s(`8506010001590400${'00'.repeat(1024)}`)?.length, 1, 'a part of 1024 B')
  t.strictSame(d2s(`85011901000000590100${'00'.repeat(256)}`)?.length, 1, 'a reply of 256 B')
  t.strictSame(d2s('82051b0000ffffffffffff'), [{ kind: 'sync', version: 2 ** 48 - 1 }])
})

t.test('[R-7-2] [R-7.2-1] the malformed list, s2d', async (t) => {
  for (const [reason, text] of Object.entries(MALFORMED_S2D)) {
    t.equal(s2d(text), null, reason)
    t.ok(readSequence(fromHex(text), LIMITS), `${reason}: good CBOR`)
  }
})

t.test('[R-7-3] [R-7-4] unknown types and further items are ignored', async (t) => {
  t.strictSame(d2s('8218ff00'), [])
  t.strictSame(d2s('00821880190100'), [{ kind: 'ping', state: 'active', silenceClass: 0 }], 'grease of type 128')
  t.strictSame(d2s('81187f'), [], 'a type of a later draft')
  t.strictSame(d2s('8100'), [], 'type 0')
  t.strictSame(d2s('811b001fffffffffffff'), [])
  t.strictSame(d2s('84040102038100'), [{ kind: 'silence', seconds: 1 }])
  t.strictSame(s2d('8416010203'), [{ kind: 'retry-after', seconds: 1 }])
  t.strictSame(d2s('86011901000217410961' + '61'), [
    { kind: 'verdict', id: 256, what: 2, deviceClass: 23, reply: fromHex('09') },
  ])
  t.equal(d2s('82188081818181'), null, 'even in grease the limits hold')
})

t.test('CLOSE and type 2 go both ways', async (t) => {
  t.strictSame(d2s('820c04'), [{ kind: 'close', code: 4 }])
  t.strictSame(s2d('820c04'), [{ kind: 'close', code: 4 }])
  const bytes = '820248' + '0102030405060708'
  t.equal(d2s(bytes)?.[0]?.kind, 'response')
  t.equal(s2d(bytes)?.[0]?.kind, 'challenge')
})

t.test('our own mistakes do not go out', async (t) => {
  t.throws(() => encodeFrames([{ kind: 'ack', id: 255 }], 'd2s'), /bug: ack/)
  t.throws(() => encodeFrames([{ kind: 'sync', version: -1 }], 'd2s'), /bug: sync: version/)
  t.throws(
    () => encodeFrames([{ kind: 'list', base: 0, version: 1, index: 2, count: 2, part: new Uint8Array(1) }], 'd2s'),
    /bug: list: index/,
  )
  t.throws(
    () =>
      encodeFrames(
        [
          { kind: 'sync', version: 1 },
          { kind: 'ping', state: 'idle', silenceClass: 0 },
        ],
        'd2s',
      ),
    /bug: ping/,
  )
  t.throws(
    () => encodeFrames([{ kind: 'sync', version: 1 }] as unknown as ServerFrame[], 's2d'),
    /bug: sync in a wrong/,
  )
  t.throws(() => encodeFrames(new Array<DeviceFrame>(65).fill({ kind: 'ack', id: 256 }), 'd2s'), /bug: too many/)
})

t.test('hostile bytes return, and what is taken can be sent again', async () => {
  const samples = [...fc.sample(anyDeviceFrames, { numRuns: 8, seed: 7 }).map((frames) => encodeFrames(frames, 'd2s'))]
  samples.push(...fc.sample(anyServerFrames, { numRuns: 8, seed: 7 }).map((frames) => encodeFrames(frames, 's2d')))
  for (const good of samples) {
    withHostileBytes(good.slice(0, 200), (bytes) => {
      const fromDevice = decodeFrames(bytes, 'd2s')
      if (fromDevice !== null) assert.deepEqual(decodeFrames(encodeFrames(fromDevice, 'd2s'), 'd2s'), fromDevice)
      const fromServer = decodeFrames(bytes, 's2d')
      if (fromServer !== null) assert.deepEqual(decodeFrames(encodeFrames(fromServer, 's2d'), 's2d'), fromServer)
    })
  }
})
