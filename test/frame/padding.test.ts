import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Frame } from '../../src/frame/frame.js'
import { decodeFrames, encodeFrames } from '../../src/frame/frame-codec.js'
import { needsPadding, padTo } from '../../src/frame/padding.js'
import { deviceFrames, ping, pong, serverFrames } from '../support/frames.js'

t.test('[R-7-6] a padded packet has one of four lengths and the same frames', async (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 22 }),
      fc.array(fc.integer({ min: 256, max: 65535 }), { maxLength: 60 }),
      (headerBytes, ids) => {
        const frames = ids.map((id) => ({ kind: 'ack' as const, id }))
        const plaintext = encodeFrames(frames, 'd2s')
        const padded = padTo(headerBytes, plaintext)
        const bytes = headerBytes + padded.length + 16
        assert.ok([128, 256, 512, 1200].includes(bytes))
        assert.ok(bytes === 128 || headerBytes + plaintext.length + 16 > bytes / 2.4)
        assert.deepEqual(decodeFrames(padded, 'd2s'), frames)
      },
    ),
  )
  const exact = new Uint8Array(128 - 7 - 16)
  t.equal(padTo(7, exact), exact)
  t.equal(padTo(7, new Uint8Array(128 - 7 - 16 + 1)).length, 256 - 7 - 16)
  t.equal(padTo(7, new Uint8Array(1200 - 7 - 16)).length, 1200 - 7 - 16)
  t.throws(() => padTo(7, new Uint8Array(1200 - 7 - 16 + 1)), /bug/)
})

t.test('[R-7-6] says which kinds are padded', async (t) => {
  const padded = 'notify list visibility list-part key-request key-offer key-sealed key-given grant granted'.split(' ')
  for (const one of [
    ping,
    pong,
    ...Object.values(deviceFrames),
    ...Object.values(serverFrames),
  ] as fc.Arbitrary<Frame>[]) {
    for (const frame of fc.sample(one, 4)) {
      const expected = padded.includes(frame.kind) || (frame.kind === 'verdict' && frame.reply !== null)
      if (needsPadding([frame]) !== expected) t.fail(frame.kind)
      t.equal(needsPadding([{ kind: 'pong', residue: 0 }, frame]), expected, frame.kind)
    }
  }
  t.notOk(needsPadding([]))
  t.ok(needsPadding([{ kind: 'verdict', id: 300, what: 0, deviceClass: 0, reply: new Uint8Array(0) }]))
})
