/**
 * Each parser of bytes that come from outside meets truncation at every length, single flipped bits, several edits and
 * random bytes. It returns; what it takes, it can write again; what must be authentic is taken only unchanged. Parsers of the
 * datagram's head, cookies and resets meet the same in test/packet, HTTP bodies in test/sidecar/bad-input.test.ts.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { utf8Bytes, utf8Text } from '../../src/base/text.js'
import { DeviceError } from '../../src/client/device-error.js'
import { newDeviceState, readDeviceState, writeDeviceState } from '../../src/client/device-state.js'
import { readSequence, writeSequence } from '../../src/frame/cbor.js'
import { decodeFrames, encodeFrames } from '../../src/frame/frame-codec.js'
import { ListAssembler, splitList } from '../../src/frame/list-parts.js'
import { decodePersonList, encodePersonList } from '../../src/frame/person-list.js'
import { openList, sealList } from '../../src/frame/sealed-list.js'
import {
  parseMessage1Payload,
  parseMessage2Payload,
  writeAcceptance,
  writeMessage1Payload,
  writeRefusal,
} from '../../src/packet/handshake.js'
import { PuidCodec } from '../../src/presence/puid.js'
import { readRingRow, writeRingRow } from '../../src/ring/ring-row.js'
import { loadSession, savedPromise, saveSession } from '../../src/session/saved.js'
import { linked } from '../session/linked.js'
import { testCrypto } from '../support/crypto.js'
import { deviceFrames, ping, pong, serverFrames } from '../support/frames.js'
import { fuzzing, mangled } from '../support/fuzzing.js'
import { withHostileBytes } from '../support/hostile-bytes.js'
import { ringRecord } from '../support/ring-records.js'

const crypto = await testCrypto()
const KEY = new Uint8Array(32).fill(3)
const LIST = encodePersonList({
  choice: 1,
  status: 'at sea',
  away: 'back soon',
  zone: 'Europe/Berlin',
  entries: [
    { app: new Uint8Array(8).fill(1), flags: 1, rotation: 0, windows: [{ days: 127, start: 540, end: 1020 }] },
    { app: new Uint8Array(8).fill(2), flags: 8, rotation: 7, windows: [] },
  ],
})

/** Mangles several good byte strings, each a start for the others. */
function withMangled(goods: readonly Uint8Array[], parse: (bytes: Uint8Array) => void): void {
  for (const good of goods) withHostileBytes(good, parse)
  fc.assert(
    fc.property(mangled(goods), (bytes) => {
      parse(bytes)
    }),
    fuzzing(1000),
  )
}

t.test('CBOR: within its limits, and the same when it is written again', async () => {
  const limits = { frames: 8, items: 30, depth: 3 }
  withMangled([writeSequence([[1, 2, [3, 'x', KEY]], 7]), writeSequence([-1, [23, 24, 2 ** 32]])], (bytes) => {
    const items = readSequence(bytes, limits)
    if (items === null) return
    assert.ok(items.length <= limits.frames)
    assert.deepEqual(readSequence(writeSequence(items), limits), items)
  })
})

t.test('frames of both directions', async () => {
  const settings = { numRuns: 1, seed: 5 }
  const fromDevice = [ping, ...Object.values(deviceFrames)].flatMap((one) => fc.sample(one, settings))
  const fromServer = [pong, ...Object.values(serverFrames)].flatMap((one) => fc.sample(one, settings))
  withMangled(
    fromDevice.map((frame) => encodeFrames([frame], 'd2s').slice(0, 150)),
    (bytes) => {
      const frames = decodeFrames(bytes, 'd2s')
      if (frames !== null) assert.deepEqual(decodeFrames(encodeFrames(frames, 'd2s'), 'd2s'), frames)
    },
  )
  withMangled(
    fromServer.map((frame) => encodeFrames([frame], 's2d').slice(0, 150)),
    (bytes) => {
      const frames = decodeFrames(bytes, 's2d')
      if (frames !== null) assert.deepEqual(decodeFrames(encodeFrames(frames, 's2d'), 's2d'), frames)
    },
  )
})

t.test('payloads of messages 1 and 2', async () => {
  withMangled([writeMessage1Payload(1_800_000_000_000, 4)], (bytes) => {
    const payload = parseMessage1Payload(bytes)
    if (payload !== null) assert.deepEqual(writeMessage1Payload(payload.stampMs, payload.pingByte), bytes)
  })
  const token = new Uint8Array(12).fill(9)
  withMangled([writeAcceptance(token.subarray(0, 5), token), writeRefusal(1, 1_800_000_000_000)], (bytes) => {
    const payload = parseMessage2Payload(bytes)
    if (payload?.kind === 'acceptance') assert.deepEqual(writeAcceptance(payload.cid, payload.token), bytes)
  })
})

t.test("the person's list, open, sealed and in parts", async () => {
  withMangled([LIST], (bytes) => {
    const list = decodePersonList(bytes)
    if (list !== null) assert.deepEqual(decodePersonList(encodePersonList(list)), list)
  })
  const sealed = sealList(crypto, KEY, 7, KEY.subarray(0, 16), LIST)
  withHostileBytes(sealed, (bytes) => {
    if (openList(crypto, KEY, 7, bytes) !== null) assert.equal(hex(bytes), hex(sealed))
  })
  const part = fc.record({
    version: fc.nat(2),
    count: fc.constantFrom(1, 2, 3, 32),
    index: fc.nat(31),
    fill: fc.nat(2),
  })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
      const assembler = new ListAssembler()
      for (const { version, count, index, fill } of parts) {
        const whole = assembler.add(version, index % count, count, new Uint8Array(10).fill(fill))
        assert.ok(whole === null || whole.length === count * 10)
        assert.ok(assembler.nextIndex < 32)
      }
      const list = new Uint8Array(2500).fill(5)
      const wholes = splitList(list).map((one, index) => assembler.add(9, index, 3, one))
      assert.deepEqual(wholes, [null, null, list])
    }),
    fuzzing(300),
  )
})

t.test('a saved session: loaded whole, or refused with nothing changed', async () => {
  const { server, device } = linked()
  const promise = { root: KEY, deviceKey: KEY, serverKey: KEY }
  const goods = [saveSession(server.view), saveSession(server.view, promise), saveSession(device.view)]
  withMangled(goods, (bytes) => {
    for (const { view, context } of [server, device]) {
      const before = view.snapshot()
      if (!loadSession(view, context, bytes)) assert.deepEqual(view.snapshot(), before)
      else if (view.role === 'server') saveSession(view, savedPromise(bytes))
      else saveSession(view)
    }
  })
})

t.test('a row of a ring', async () => {
  const goods = fc.sample(ringRecord, { numRuns: 4, seed: 4 }).map(writeRingRow)
  const read = (bytes: Uint8Array): void => {
    const ring = readRingRow(bytes)
    if (ring === null) return
    // What was shown is not written again once the ring has ended.
    const again = readRingRow(writeRingRow(ring)) ?? assert.fail('not read again')
    assert.deepEqual({ ...again, content: ring.content }, ring)
    assert.deepEqual(readRingRow(writeRingRow(again)), again)
  }
  withHostileBytes(goods.sort((a, b) => a.length - b.length)[0] as Uint8Array, read)
  fc.assert(fc.property(mangled(goods), read), fuzzing(300))
})

t.test('the state of a device: another state, or PL_BAD_STORED', async () => {
  const state = { ...newDeviceState(), serverKeys: [KEY], session: saveSession(linked().device.view), bootSeconds: 5 }
  const good = writeDeviceState(state, KEY)
  const read = (bytes: Uint8Array): void => {
    try {
      writeDeviceState(readDeviceState(bytes, KEY), KEY)
    } catch (error) {
      assert.ok(error instanceof DeviceError && error.code === 'PL_BAD_STORED', String(error))
    }
  }
  withHostileBytes(good, read)
  const fields = JSON.parse(utf8Text(good) as string)
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(fields), 'list'), fc.jsonValue(), fc.string(), (name, value, inner) => {
      read(utf8Bytes(JSON.stringify({ ...fields, [name]: value })))
      read(utf8Bytes(JSON.stringify({ ...fields, [name]: { ...fields[name], [inner]: value } })))
      read(utf8Bytes(JSON.stringify({ ...fields, [name]: [value] })))
    }),
    fuzzing(500),
  )
})

t.test('a PUID: authentic only unchanged', async () => {
  const codec = new PuidCodec(crypto, KEY, new Uint8Array(8))
  const good = codec.write({ person: 77, rotation: 3 })
  withHostileBytes(utf8Bytes(good), (bytes) => {
    const text = utf8Text(bytes) ?? ''
    if (codec.read(text) !== null) assert.equal(text, good)
  })
})
