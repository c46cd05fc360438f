/** One device's first minute, with fixed secrets: the numbers behind section 15 of wire-spec and some vector files. */
import { fromHex } from '../../src/base/bytes.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import type { DeviceFrame, NotifyFrame, ServerFrame } from '../../src/frame/frame.js'
import { encodeFrames } from '../../src/frame/frame-codec.js'
import { pingByte } from '../../src/frame/one-byte.js'
import { needsPadding, padTo } from '../../src/frame/padding.js'
import { CidCodec } from '../../src/packet/connection-id.js'
import {
  mac1Key,
  writeAcceptance,
  writeMessage1,
  writeMessage1Payload,
  writeMessage2,
} from '../../src/packet/handshake.js'
import { type HeaderFields, writeHeader } from '../../src/packet/header.js'
import { deviceToServerKey, sealPacket, serverToDeviceKey, writeNonce } from '../../src/packet/protection.js'
import { resetToken } from '../../src/packet/reset.js'
import { type HandshakeInput, traceHandshake } from './noise-trace.js'

/** 32 bytes of one value, or as many as asked for. */
export const filled = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte)

export const ID_KEY = filled(0x66)
export const RESET_KEY = filled(0x77)
export const STAMP_MS = 1_767_225_600_000 // 2026-01-01
const NODE = 0
const SLOT = 1
const ROTATION = 2

/** A packet and every value on the way to it. */
export interface ExamplePacket {
  title: string
  direction: 'd2s' | 's2d'
  key: Uint8Array
  number: number
  nonce: Uint8Array
  header: Uint8Array
  frames: readonly (DeviceFrame | ServerFrame)[]
  plaintext: Uint8Array
  datagram: Uint8Array
}

function handshakeExample() {
  const cid = new Uint8Array(5)
  new CidCodec(ID_KEY).write(cid, 0, NODE, SLOT, ROTATION)
  const token = resetToken(crypto, RESET_KEY, NODE, SLOT, ROTATION)
  const input: HandshakeInput = {
    deviceStatic: filled(0x11),
    serverStatic: filled(0x22),
    deviceEphemeral: filled(0x33),
    serverEphemeral: filled(0x44),
    psk: filled(0x55),
    payload1: writeMessage1Payload(STAMP_MS, pingByte('active', 4)),
    payload2: writeAcceptance(cid, token),
  }
  const trace = traceHandshake(crypto, input)
  const key = mac1Key(crypto, keyPair(crypto, input.serverStatic).publicKey)
  const message1 = writeMessage1(crypto, key, trace.noise1, null)
  return { input, trace, mac1Key: key, cid, token, message1, message2: writeMessage2(trace.noise2) }
}

/** The handshake of the example. */
export const HANDSHAKE = handshakeExample()

const ZERO_BOOT = filled(0, 12)
/** A device's boot value: 2026-01-01 00:01:00 and 8 random bytes. */
export const DEVICE_BOOT = fromHex('6955b93c8888888888888888')
/** The server's boot value: 2025-12-31 00:00:00 and 8 random bytes. */
export const SERVER_BOOT = fromHex('695467809999999999999999')
const ROOT = HANDSHAKE.trace.root

export const KEYS = {
  deviceToServer: deviceToServerKey(crypto, ROOT, ZERO_BOOT),
  serverToDevice: serverToDeviceKey(crypto, ROOT, ZERO_BOOT, ZERO_BOOT),
  deviceToServerBooted: deviceToServerKey(crypto, ROOT, DEVICE_BOOT),
  serverToDeviceBooted: serverToDeviceKey(crypto, ROOT, SERVER_BOOT, DEVICE_BOOT),
}

const NOTIFY: NotifyFrame = {
  kind: 'notify',
  id: 0x1234,
  ring: filled(0xaa, 16),
  app: filled(0xbb, 8),
  rotation: Math.trunc(STAMP_MS / 1000),
  deadlineMs: STAMP_MS + 90_000,
  title: 'Anna',
  body: 'is calling',
  url: '',
  payload: new Uint8Array(0),
}

const DEVICE_START = 0x0001_0f00
const SERVER_START = 0xa0b0_c0d0

type Header = Partial<Pick<HeaderFields, 'boot' | 'long' | 'ask' | 'probe' | 'grease'>>

/** A packet of a device. */
export function packetD2s(
  title: string,
  key: Uint8Array,
  number: number,
  header: Header,
  frames: DeviceFrame[],
): ExamplePacket {
  return packet(title, 'd2s', key, number, header, frames, encodeFrames(frames, 'd2s'))
}

/** A packet of the server. */
export function packetS2d(
  title: string,
  key: Uint8Array,
  number: number,
  header: Header,
  frames: ServerFrame[],
): ExamplePacket {
  return packet(title, 's2d', key, number, header, frames, encodeFrames(frames, 's2d'))
}

function packet(
  title: string,
  direction: 'd2s' | 's2d',
  key: Uint8Array,
  number: number,
  fields: Header,
  frames: readonly (DeviceFrame | ServerFrame)[],
  encoded: Uint8Array,
): ExamplePacket {
  const cid = direction === 'd2s' ? HANDSHAKE.cid : null
  const header = writeHeader({ boot: null, long: false, ask: false, grease: 0, ...fields, cid, number })
  const plaintext = needsPadding(frames) ? padTo(header.length, encoded) : encoded
  const nonce = new Uint8Array(12)
  writeNonce(nonce, number)
  const datagram = sealPacket(crypto, key, header, number, plaintext)
  return { title, direction, key, number, nonce, header, frames, plaintext, datagram }
}

const active: DeviceFrame = { kind: 'ping', state: 'active', silenceClass: 4 }
const sync: DeviceFrame = { kind: 'sync', version: 0 }
/** CLOCK, so many ms after the stamp of message 1. */
export const clock = (afterMs: number): ServerFrame => ({ kind: 'clock', clockMs: STAMP_MS + afterMs })
const answer = (number: number): ServerFrame => ({ kind: 'pong', residue: number % 48 })
export const BOOTED_START = 0x2222_2222
export const BOOTED_ANSWER = 0x3333_3333

/** The packets of the example, in order. */
export const PACKETS: readonly ExamplePacket[] = [
  packetD2s(
    'first channel packet: PING, SYNC, asks',
    KEYS.deviceToServer,
    DEVICE_START,
    { long: true, ask: true, grease: 1 },
    [active, sync],
  ),
  packetS2d('its answer: PONG, CLOCK', KEYS.serverToDevice, SERVER_START, { long: true, grease: 2 }, [
    answer(DEVICE_START),
    clock(1_000),
  ]),
  packetD2s('common ping', KEYS.deviceToServer, DEVICE_START + 1, { ask: true, grease: 0x13 }, [active]),
  packetS2d('common pong', KEYS.serverToDevice, SERVER_START + 1, {}, [answer(DEVICE_START + 1)]),
  packetS2d('NOTIFY, padded to 128 B', KEYS.serverToDevice, SERVER_START + 2, { grease: 1 }, [NOTIFY]),
  packetD2s('its ack with a PING that does not ask', KEYS.deviceToServer, DEVICE_START + 2, { grease: 2 }, [
    { kind: 'ping', state: 'active', silenceClass: 6 },
    { kind: 'ack', id: NOTIFY.id },
  ]),
  packetD2s('probe with a delay of 120 s', KEYS.deviceToServer, DEVICE_START + 3, { probe: true, grease: 1 }, [
    { kind: 'probe', delayS: 120 },
  ]),
  packetS2d('its answer, after 120 s', KEYS.serverToDevice, SERVER_START + 3, { probe: true, grease: 3 }, [
    answer(DEVICE_START + 3),
  ]),
  packetD2s(
    'first packet after a new start of the device',
    KEYS.deviceToServerBooted,
    BOOTED_START,
    { boot: DEVICE_BOOT, long: true, ask: true },
    [{ kind: 'ping', state: 'idle', silenceClass: 8 }, sync],
  ),
  packetS2d(
    'its answer, with the boot value of the server',
    KEYS.serverToDeviceBooted,
    BOOTED_ANSWER,
    { boot: SERVER_BOOT, long: true },
    [answer(BOOTED_START), clock(61_000)],
  ),
]

/** What identifies a device to its server in the example. */
export const DEVICE_PLACE = { node: NODE, slot: SLOT, rotation: ROTATION }
