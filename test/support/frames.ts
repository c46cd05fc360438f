import fc from 'fast-check'
import type { DeviceFrame, Frame, ServerFrame } from '../../src/frame/frame.js'
import { ID_MAX, ID_MIN } from '../../src/frame/frame-layout.js'

const octets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength })
const rotation = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const uint = fc.oneof(fc.nat(30), fc.nat(70_000), fc.nat(2 ** 32 - 1), fc.maxSafeNat())
const id = fc.integer({ min: ID_MIN, max: ID_MAX })
const version = uint.map((n) => n % 2 ** 48)
const app = octets(8)
const nonce = octets(16)
const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => !value.startsWith('\ufeff'))
const part = fc
  .integer({ min: 1, max: 32 })
  .chain((count) => fc.record({ count: fc.constant(count), index: fc.nat(count - 1), part: octets(0, 60) }))

function frame<F extends Frame>(
  kind: F['kind'],
  fields: { [Name in Exclude<keyof F, 'kind'>]: fc.Arbitrary<F[Name]> },
): fc.Arbitrary<F> {
  return fc.record({ kind: fc.constant(kind), ...fields }).map((value) => ({ ...value }) as unknown as F)
}

type Of<Kind extends Frame['kind']> = Extract<Frame, { kind: Kind }>

/** Every kind that a device sends, but PING, with any values in range. */
export const deviceFrames: Record<Exclude<DeviceFrame['kind'], 'ping'>, fc.Arbitrary<DeviceFrame>> = {
  ack: frame<Of<'ack'>>('ack', { id }),
  verdict: frame<Of<'verdict'>>('verdict', {
    id,
    what: fc.constantFrom(0, 1, 2, 3),
    deviceClass: fc.nat(23),
    reply: fc.option(octets(0, 256)),
  }),
  response: frame<Of<'response'>>('response', { challenge: octets(8) }),
  thresholds: frame<Of<'thresholds'>>('thresholds', { awayAfterS: uint, offlineAfterS: uint }),
  silence: frame<Of<'silence'>>('silence', { seconds: uint }),
  sync: frame<Of<'sync'>>('sync', { version }),
  visibility: fc.tuple(version, part).map(([version, rest]) => ({ kind: 'visibility', version, ...rest })),
  list: fc.tuple(version, version, part).map(([base, version, rest]) => ({ kind: 'list', base, version, ...rest })),
  'want-list': frame<Of<'want-list'>>('want-list', { index: uint }),
  'key-request': frame<Of<'key-request'>>('key-request', { nonce }),
  'key-sealed': frame<Of<'key-sealed'>>('key-sealed', { request: uint, sealed: octets(80) }),
  'puid-request': frame<Of<'puid-request'>>('puid-request', { app, rotation }),
  granted: frame<Of<'granted'>>('granted', { grant: octets(16), what: fc.constantFrom(0, 1) }),
  close: frame<Of<'close'>>('close', { code: uint }),
  probe: frame<Of<'probe'>>('probe', { delayS: uint }),
  step: frame<Of<'step'>>('step', { key: fc.option(octets(32)) }),
  learnt: frame<Of<'learnt'>>('learnt', { network: fc.constantFrom(0, 1, 2), seconds: uint }),
}

/** Every kind that a server sends, but PONG, with any values in range. */
export const serverFrames: Record<Exclude<ServerFrame['kind'], 'pong'>, fc.Arbitrary<ServerFrame>> = {
  challenge: frame<Of<'challenge'>>('challenge', { challenge: octets(8) }),
  close: frame<Of<'close'>>('close', { code: uint }),
  'new-cid': frame<Of<'new-cid'>>('new-cid', { id, cid: octets(5), token: octets(12) }),
  notify: frame<Of<'notify'>>('notify', {
    id,
    ring: octets(16),
    app,
    rotation,
    deadlineMs: uint,
    title: text,
    body: text,
    url: text,
    payload: octets(0, 80),
  }),
  outcome: frame<Of<'outcome'>>('outcome', { id, ring: octets(16), what: fc.constantFrom(0, 1, 2, 3, 4) }),
  state: frame<Of<'state'>>('state', { id, version, flags: uint }),
  'list-part': fc.tuple(version, part).map(([version, rest]) => ({ kind: 'list-part', version, ...rest })),
  'list-result': frame<Of<'list-result'>>('list-result', { version, code: fc.constantFrom(0, 1, 2) }),
  'retry-after': frame<Of<'retry-after'>>('retry-after', { seconds: uint }),
  'server-key': frame<Of<'server-key'>>('server-key', { id, key: octets(32) }),
  'key-offer': frame<Of<'key-offer'>>('key-offer', { id, request: uint, deviceKey: octets(32), nonce, name: text }),
  'key-given': frame<Of<'key-given'>>('key-given', { id, senderKey: octets(32), nonce, sealed: octets(80) }),
  puid: frame<Of<'puid'>>('puid', { app, rotation: uint, puid: text }),
  clock: frame<Of<'clock'>>('clock', { clockMs: uint }),
  stepped: frame<Of<'stepped'>>('stepped', { key: fc.option(octets(32)) }),
  'want-step': frame<Of<'want-step'>>('want-step', {}),
  hint: frame<Of<'hint'>>('hint', { network: fc.constantFrom(0, 1, 2), seconds: uint }),
  grant: frame<Of<'grant'>>('grant', {
    id,
    grant: octets(16),
    app,
    rotation: fc.nat(2 ** 32 - 1),
    what: fc.constantFrom(0, 1),
    windows: fc.array(fc.tuple(fc.integer({ min: 1, max: 127 }), fc.nat(1439), fc.nat(1439)), { maxLength: 16 }),
    zone: text,
  }),
}

/** A PING with any state and class. */
export const ping: fc.Arbitrary<DeviceFrame> = fc
  .record({
    kind: fc.constant('ping' as const),
    state: fc.constantFrom('active' as const, 'idle' as const, 'gone' as const),
    silenceClass: fc.nat(15),
  })
  .map((value) => ({ ...value }))

/** A PONG with any residue. */
export const pong: fc.Arbitrary<ServerFrame> = fc.nat(47).map((residue) => ({ kind: 'pong', residue }))
