/** Makes the vector files of what a session does over several packets, and of wire-spec section 11. */
import { fromHex, hex } from '../../src/base/bytes.js'
import { Asking } from '../../src/client/asking.js'
import { checkCode, sealListKey } from '../../src/client/key-transfer.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import { encodeFrames } from '../../src/frame/frame-codec.js'
import { needsPadding, padTo } from '../../src/frame/padding.js'
import { TAG_BYTES } from '../../src/packet/constants.js'
import { expandNumber, skipNumber } from '../../src/packet/packet-number.js'
import { deviceToServerKey, serverToDeviceKey } from '../../src/packet/protection.js'
import { emptyWindow, isFresh, recordNumber, startWindow } from '../../src/packet/replay-window.js'
import { SAMPLE_D2S, SAMPLE_S2D } from './frame-vectors.js'
import { type Json, plain } from './vector-json.js'
import {
  clock,
  DEVICE_BOOT,
  type ExamplePacket,
  filled,
  HANDSHAKE,
  KEYS,
  packetD2s,
  packetS2d,
  SERVER_BOOT,
} from './wire-example.js'

const ROOT = HANDSHAKE.trace.root
const pong = (number: number) => ({ kind: 'pong', residue: number % 48 }) as const
const sync = (version: number) => ({ kind: 'sync', version }) as const
const ping = { kind: 'ping', state: 'active', silenceClass: 4 } as const

/** Packets as vectors. */
export function packetRows(packets: readonly ExamplePacket[]): Json[] {
  return packets.map(({ title, direction, key, number, nonce, header, frames, plaintext, datagram }) => ({
    title,
    direction,
    key: hex(key),
    'packet number': number,
    nonce: hex(nonce),
    header: hex(header),
    frames: frames.map(plain),
    plaintext: hex(plaintext),
    datagram: hex(datagram),
  }))
}

/** Boot values after both were started anew: an hour later. */
const NEW_DEVICE_BOOT = fromHex('6955c74cabababababababab')
const NEW_SERVER_BOOT = fromHex('6955c748cdcdcdcdcdcdcdcd')
const challenge = fromHex('c0c1c2c3c4c5c6c7')

function restartPackets(): ExamplePacket[] {
  const d2s = deviceToServerKey(crypto, ROOT, NEW_DEVICE_BOOT)
  const s2d = serverToDeviceKey(crypto, ROOT, NEW_SERVER_BOOT, NEW_DEVICE_BOOT)
  const first = 0x4444_4444
  const answer = 0x5555_5555
  const asks = { ask: true, long: true }
  return [
    packetD2s('the device was started anew', d2s, first, { ...asks, boot: NEW_DEVICE_BOOT }, [ping, sync(3)]),
    packetS2d('so was the server: nothing took effect', s2d, answer, { long: true, boot: NEW_SERVER_BOOT }, [
      pong(first),
      { kind: 'challenge', challenge },
    ]),
    packetD2s('the frames go again, with the RESPONSE', d2s, first + 1, asks, [
      ping,
      { kind: 'response', challenge },
      sync(3),
    ]),
    packetS2d('confirmed', s2d, answer + 1, { long: true }, [pong(first + 1), clock(3_600_000)]),
    packetS2d('STATE: the visibility is gone', s2d, answer + 2, { long: true }, [
      { kind: 'state', id: 0x4242, version: 3, flags: 1 },
    ]),
    packetD2s('its ack', d2s, first + 2, {}, [{ kind: 'ack', id: 0x4242 }]),
  ]
}

/** The exchange after a restart of both ends. */
export const RESTART = { deviceBoot: NEW_DEVICE_BOOT, serverBoot: NEW_SERVER_BOOT, packets: restartPackets() }

function retryPackets(): ExamplePacket[] {
  const first = 0x0001_0f00
  const retry = 0x6666_6666
  const asks = { ask: true, long: true }
  return [
    packetD2s('first packet of a session: D is zero', KEYS.deviceToServer, first, asks, [ping, sync(0)]),
    packetD2s('its retry: D is the boot value', KEYS.deviceToServerBooted, retry, { ...asks, boot: DEVICE_BOOT }, [
      ping,
      sync(0),
    ]),
    packetS2d('late answer to the first: S and D zero', KEYS.serverToDevice, 0xa0b0_c0d0, { long: true }, [
      pong(first),
      clock(1_000),
    ]),
    packetS2d(
      'answer to the retry, with BOOT as that had',
      KEYS.serverToDeviceBooted,
      0x7777_7777,
      { long: true, boot: SERVER_BOOT },
      [pong(retry), clock(2_000)],
    ),
    packetD2s('next ping: LONG, for the answer had BOOT', KEYS.deviceToServerBooted, retry + 1, asks, [ping]),
    packetS2d('its answer', KEYS.serverToDeviceBooted, 0x7777_7778, { long: true }, [pong(retry + 1)]),
    packetD2s('common ping', KEYS.deviceToServerBooted, retry + 2, { ask: true }, [ping]),
    packetS2d('common pong', KEYS.serverToDeviceBooted, 0x7777_7779, {}, [pong(retry + 2)]),
  ]
}

/** The first packet of a session and its retry. */
export const RETRY = retryPackets()

/** `restart.json` */
export function restart(): Json {
  return {
    about:
      'wire-spec 5.3, 8.2: the session of packet.json when both ends were started anew; the server held D and S of before',
    root: hex(ROOT),
    'held before': { D: hex(DEVICE_BOOT), S: hex(SERVER_BOOT) },
    'device boot value': hex(RESTART.deviceBoot),
    'server boot value': hex(RESTART.serverBoot),
    packets: packetRows(RESTART.packets),
  }
}

/** `retry.json` */
export function retry(): Json {
  return {
    about:
      'wire-spec 4.2-1, 5.3-2: the first packet of the session of handshake.json is repeated before its answer comes',
    root: hex(ROOT),
    'device boot value': hex(DEVICE_BOOT),
    'server boot value': hex(SERVER_BOOT),
    packets: packetRows(RETRY),
  }
}

/** `key-transfer.json` */
export function keyTransfer(): Json {
  const oldDevice = keyPair(crypto, filled(0x21))
  const newDevice = keyPair(crypto, filled(0x22))
  const ephemeral = filled(0x23)
  const nonce = filled(0x24, 16)
  const listKey = filled(0x25)
  const random = {
    fill<T extends Uint8Array>(bytes: T): T {
      bytes.set(ephemeral)
      return bytes
    },
  }
  const sealed = sealListKey(crypto, random, oldDevice, newDevice.publicKey, nonce, listKey) as Uint8Array
  const pair = ({ secretKey, publicKey }: typeof oldDevice): Json => ({
    secret: hex(secretKey),
    public: hex(publicKey),
  })
  return {
    about: 'wire-spec 11: check code, and the list key sealed for a new device (KEY_SEALED)',
    'old device static': pair(oldDevice),
    'new device static': pair(newDevice),
    nonce: hex(nonce),
    'check code': checkCode(crypto, newDevice.publicKey, nonce),
    ephemeral: pair(keyPair(crypto, ephemeral)),
    'list key': hex(listKey),
    sealed: hex(sealed),
  }
}

/** `replay-window.json` */
export function replayWindow(): Json {
  const run = (window: ReturnType<typeof emptyWindow>, numbers: readonly number[]): Json[] =>
    numbers.map((number) => {
      const isTaken = isFresh(window, number)
      if (isTaken) recordNumber(window, number)
      const bitmap = [window.bitmapHigh, window.bitmapLow].map((word) => word.toString(16).padStart(8, '0')).join('')
      return { number, taken: isTaken, h: window.high, bitmap }
    })
  const started = emptyWindow()
  startWindow(started, 1000)
  return {
    about:
      'wire-spec 5.5: numbers in order of arrival, all with a good tag; h and bitmap after each, as 64 bits of which the lowest is h',
    'new key': run(emptyWindow(), [
      100,
      100,
      99,
      101,
      100,
      37,
      38,
      37,
      103,
      102,
      135,
      72,
      71,
      199,
      135,
      136,
      262,
      200,
      262,
      261,
      2 ** 40,
    ]),
    'the packet 1000 brought D, or confirmed the session (5.3-4, 8.2-2)': run(started, [1000, 999, 937, 1001, 999]),
  }
}

/** `padding.json` */
export function padding(): Json {
  const headers = { d2s: [7, 10, 22], s2d: [2, 5, 17] } as const
  const kinds = [
    ...SAMPLE_D2S.filter((frame) => needsPadding([frame])).map((frame) => ({
      direction: 'd2s' as const,
      kind: frame.kind,
      plaintext: encodeFrames([frame], 'd2s'),
    })),
    ...SAMPLE_S2D.filter((frame) => needsPadding([frame])).map((frame) => ({
      direction: 's2d' as const,
      kind: frame.kind,
      plaintext: encodeFrames([frame], 's2d'),
    })),
  ]
  const datagramBytes = (header: number, bytes: number) =>
    header + padTo(header, new Uint8Array(bytes)).length + TAG_BYTES
  const edges = [128, 256, 512, 1200].flatMap((full) => [full - 1, full, full + 1].filter((bytes) => bytes <= 1200))
  return {
    about: 'wire-spec 7-6: bytes of header and frames, and of the padded datagram',
    kinds: kinds.flatMap(({ direction, kind, plaintext }) =>
      headers[direction].map((header) => ({
        direction,
        kind,
        header,
        frames: plaintext.length,
        datagram: datagramBytes(header, plaintext.length),
      })),
    ),
    edges: [2, 22].flatMap((header) =>
      edges.map((bytes) => ({
        header,
        frames: bytes - header - TAG_BYTES,
        datagram: datagramBytes(header, bytes - header - TAG_BYTES),
      })),
    ),
  }
}

/** Part of `packet-number.json`: a change of connection ID. */
export function skips(): Json[] {
  return [0x0001_0f02, 0xffff_fff0, 2 ** 40].flatMap((next) =>
    ['00000000', '80000000', 'ffffffff'].map((random) => {
      const number = skipNumber(next, fromHex(random))
      const low = number % 2 ** 32
      return { 'number due': next, number, 'four bytes': low, h: next - 1, expanded: expandNumber(low, 4, next - 1) }
    }),
  )
}

/** `pong.json` */
export function pongs(): Json {
  const asking = new Asking()
  const item = { key: 'ping', frame: null, isLazy: false }
  const sent = (number: number): Json => {
    asking.handleSent(number, [item], 0)
    return { sent: number }
  }
  const came = (residue: number, byLastKey = false): Json => ({
    PONG: residue,
    'under the s2d key of before': byLastKey,
    answers: asking.handlePong(residue, byLastKey, true)?.number ?? null,
  })
  return {
    about:
      'wire-spec 5.4-3, 9.2-5: asking packets and the PONGs that come; what a PONG answers, and all before it, waits no more',
    steps: [
      sent(1000),
      came(39),
      came(40),
      came(40),
      sent(1001),
      sent(1002),
      sent(1049),
      came(41),
      came(42),
      came(41),
      sent(1050),
      sent(1098),
      came(42),
      came(42),
      sent(1099),
      (() => {
        asking.handleKeyChange()
        return { 'D changed': true }
      })(),
      sent(3_000_000_043),
      came(43, true),
      came(43, true),
      came(43),
    ],
  }
}
