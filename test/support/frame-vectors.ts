/** Makes the vector files of wire-spec sections 7 and 10. */
import { concat, fromHex, hex } from '../../src/base/bytes.js'
import { deriveKey } from '../../src/crypto/hkdf.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import type { DeviceFrame, Frame, ServerFrame } from '../../src/frame/frame.js'
import { encodeFrames } from '../../src/frame/frame-codec.js'
import { splitList } from '../../src/frame/list-parts.js'
import { pingByte, pingStateOf, pongByte, silenceClassOf } from '../../src/frame/one-byte.js'
import { encodePersonList, type PersonList } from '../../src/frame/person-list.js'
import { sealList } from '../../src/frame/sealed-list.js'
import { classFor, graceMs, silenceSeconds } from '../../src/frame/silence.js'
import { MALFORMED_D2S, MALFORMED_S2D, MALFORMED_SEQUENCES } from './malformed-frames.js'
import { type Json, plain } from './vector-json.js'
import { filled, STAMP_MS } from './wire-example.js'

const id = 0xabcd
const app = fromHex('0123456789abcdef')
const part = fromHex('c0ffee')

/** One frame of each kind, or more where a field may be missing. */
export const SAMPLE_D2S: readonly DeviceFrame[] = [
  { kind: 'ping', state: 'active', silenceClass: 4 },
  { kind: 'ack', id },
  { kind: 'verdict', id, what: 2, deviceClass: 0, reply: null },
  { kind: 'verdict', id, what: 0, deviceClass: 1, reply: fromHex('6f6b') },
  { kind: 'response', challenge: fromHex('0102030405060708') },
  { kind: 'thresholds', awayAfterS: 300, offlineAfterS: 0 },
  { kind: 'silence', seconds: 1000 },
  { kind: 'sync', version: 65_536 },
  { kind: 'visibility', version: 7, index: 0, count: 1, part },
  { kind: 'list', base: 6, version: 7, index: 1, count: 2, part },
  { kind: 'want-list', index: 24 },
  { kind: 'key-request', nonce: filled(1, 16) },
  { kind: 'key-sealed', request: 2 ** 32, sealed: filled(2, 80) },
  { kind: 'puid-request', app, rotation: 255 },
  { kind: 'close', code: 0 },
  { kind: 'probe', delayS: 120 },
  { kind: 'step', key: null },
  { kind: 'step', key: filled(11) },
  { kind: 'learnt', network: 2, seconds: 110 },
  { kind: 'granted', grant: filled(13, 16), what: 0 },
]

/** One frame of each kind. */
export const SAMPLE_S2D: readonly ServerFrame[] = [
  { kind: 'pong', residue: 47 },
  { kind: 'challenge', challenge: fromHex('0102030405060708') },
  { kind: 'close', code: 2 },
  { kind: 'new-cid', id, cid: fromHex('0102030405'), token: filled(3, 12) },
  {
    kind: 'notify',
    id,
    ring: filled(4, 16),
    app,
    rotation: 1_700_000_000,
    deadlineMs: STAMP_MS,
    title: 'Überfall',
    body: '\u{1f525}',
    url: 'https://example.org/',
    payload: part,
  },
  { kind: 'outcome', id, ring: filled(4, 16), what: 1 },
  { kind: 'state', id, version: 2 ** 48 - 1, flags: 1 },
  { kind: 'list-part', version: 7, index: 0, count: 32, part },
  { kind: 'list-result', version: 7, code: 1 },
  { kind: 'retry-after', seconds: 3600 },
  { kind: 'server-key', id, key: filled(5) },
  { kind: 'key-offer', id, request: 9, deviceKey: filled(6), nonce: filled(7, 16), name: 'phone' },
  { kind: 'key-given', id, senderKey: filled(8), nonce: filled(9, 16), sealed: filled(10, 80) },
  { kind: 'puid', app, rotation: 0, puid: 'aB3_-' },
  { kind: 'clock', clockMs: STAMP_MS },
  { kind: 'stepped', key: null },
  { kind: 'stepped', key: filled(12) },
  { kind: 'want-step' },
  { kind: 'hint', network: 1, seconds: 240 },
  {
    kind: 'grant',
    id,
    grant: filled(13, 16),
    app,
    rotation: 2 ** 32 - 1,
    what: 0,
    windows: [[127, 1260, 1380]],
    zone: 'Europe/Berlin',
  },
]

/** `frame.json` */
export function frames(): Json {
  const row = (frame: Frame, direction: string, plaintext: Uint8Array): Json => {
    return { direction, frame: plain(frame), plaintext: hex(plaintext) }
  }
  const refused = (directions: readonly string[], table: Record<string, string>): Json[] =>
    Object.entries(table).flatMap(([why, plaintext]) => directions.map((direction) => ({ direction, why, plaintext })))
  return {
    about: 'wire-spec 7: each kind of frame alone in a plaintext, and plaintexts that end the session (R-7-2)',
    frames: [
      ...SAMPLE_D2S.map((frame) => row(frame, 'd2s', encodeFrames([frame], 'd2s'))),
      ...SAMPLE_S2D.map((frame) => row(frame, 's2d', encodeFrames([frame], 's2d'))),
    ],
    malformed: [
      ...refused(['d2s', 's2d'], MALFORMED_SEQUENCES),
      ...refused(['d2s'], MALFORMED_D2S),
      ...refused(['s2d'], MALFORMED_S2D),
    ],
    ignored: [
      {
        direction: 'd2s',
        why: 'a type of 128 and above (grease)',
        plaintext: '04821880190100',
        frames: [{ kind: 'ping', state: 'active', 'silence-class': 4 }],
      },
      { direction: 'd2s', why: 'a type that is not defined yet', plaintext: '82187f01', frames: [] },
      { direction: 's2d', why: '64 frames, the most there may be', plaintext: '811880'.repeat(64), frames: [] },
      {
        direction: 'd2s',
        why: '256 items, the most there may be: an array of 255',
        plaintext: `98ff1880${'00'.repeat(254)}`,
        frames: [],
      },
      {
        direction: 's2d',
        why: 'items after those listed',
        plaintext: '8416010203',
        frames: [{ kind: 'retry-after', seconds: 1 }],
      },
      {
        direction: 'd2s',
        why: 'padding',
        plaintext: '04f6f6f6',
        frames: [{ kind: 'ping', state: 'active', 'silence-class': 4 }],
      },
    ],
  }
}

/** `silence.json` */
export function silence(): Json {
  const values = Array.from({ length: 48 }, (_, v) => v)
  return {
    about: 'wire-spec 7.1 and 7.2: the 48 one-byte frames; seconds is null for class 15; grace of each silence',
    frames: values.map((v) => {
      const state = pingStateOf(v)
      const silenceClass = silenceClassOf(v)
      const seconds = silenceClass === 15 ? null : silenceSeconds(silenceClass, 0)
      const pong = new Uint8Array([pongByte(v)])
      return {
        v,
        state,
        class: silenceClass,
        seconds,
        ping: hex(new Uint8Array([pingByte(state, silenceClass)])),
        pong: hex(pong),
      }
    }),
    grace: [0, 15, 60, 333, 1800].map((seconds) => ({ 'silence s': seconds, 'grace ms': graceMs(seconds) })),
    'smallest class': [1, 15, 16, 60, 61, 1800].map((seconds) => ({
      'silence s': seconds,
      class: classFor(seconds),
    })),
  }
}

const LIST: PersonList = {
  choice: 1,
  status: 'in a meeting',
  away: 'back at 3 ☕',
  zone: 'Europe/Berlin',
  entries: [
    {
      app: fromHex('0000000000000001'),
      flags: 1,
      rotation: 0,
      windows: [
        { days: 31, start: 540, end: 1020 },
        { days: 96, start: 1260, end: 120 },
      ],
    },
    { app, flags: 13, rotation: 3, windows: [] },
  ],
}

/** A list whose sealed form and whose plaintext have two parts each, as the frames that carry them. */
function twoParts(listKey: Uint8Array, base: number, salt: Uint8Array): Json {
  const version = base + 1
  const entries = Array.from({ length: 100 }, (_, i) => {
    return { app: concat(filled(0, 7), new Uint8Array([i])), flags: 1, rotation: i, windows: [] }
  })
  const plaintext = encodePersonList({ ...LIST, entries })
  const sealed = sealList(crypto, listKey, version, salt, plaintext)
  const frameOf = (frame: DeviceFrame) => hex(encodeFrames([frame], 'd2s'))
  const parts = (bytes: Uint8Array) =>
    splitList(bytes).map((piece, index, { length: count }) => ({ piece, index, count }))
  return {
    version,
    salt: hex(salt),
    plaintext: hex(plaintext),
    sealed: hex(sealed),
    'LIST frames': parts(sealed).map(({ piece, index, count }) =>
      frameOf({ kind: 'list', base, version, index, count, part: piece }),
    ),
    'VISIBILITY frames': parts(plaintext).map(({ piece, index, count }) =>
      frameOf({ kind: 'visibility', version, index, count, part: piece }),
    ),
  }
}

/** `list.json` */
export function list(): Json {
  const listKey = filled(0xdd)
  const version = 42
  const salt = filled(0xee, 16)
  const plaintext = encodePersonList(LIST)
  const context = concat(fromHex(version.toString(16).padStart(12, '0')), salt)
  return {
    about: 'wire-spec 10: a person list and its sealed form (R-10-2)',
    list: plain(LIST),
    plaintext: hex(plaintext),
    'list key': hex(listKey),
    version,
    salt: hex(salt),
    'sealing key': hex(deriveKey(crypto, listKey, 'pilotlight list', context)),
    sealed: hex(sealList(crypto, listKey, version, salt, plaintext)),
    'two parts': twoParts(listKey, version, salt),
  }
}
