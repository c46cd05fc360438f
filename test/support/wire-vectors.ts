/** Makes `test/vectors/wire/*.json` from the code. */
import { addressFrom } from '../../src/base/address.js'
import { fromHex, hex } from '../../src/base/bytes.js'
import { type KeyPair, keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import { CidCodec } from '../../src/packet/connection-id.js'
import { cookieKey, cookieOf, sealCookieReply } from '../../src/packet/cookie.js'
import {
  HANDSHAKE_PROLOGUE,
  HANDSHAKE_PROTOCOL,
  mac1Of,
  writeMessage1,
  writeMessage2,
  writeRefusal,
} from '../../src/packet/handshake.js'
import { writeHeader } from '../../src/packet/header.js'
import { expandNumber, isShortAllowed, NO_NUMBER, NUMBER_MAX } from '../../src/packet/packet-number.js'
import { resetToken, writeReset } from '../../src/packet/reset.js'
import { frames, list, silence } from './frame-vectors.js'
import { traceHandshake } from './noise-trace.js'
import { keyTransfer, packetRows, padding, pongs, replayWindow, restart, retry, skips } from './session-vectors.js'
import { STEPS } from './step-example.js'
import type { Json } from './vector-json.js'
import {
  DEVICE_BOOT,
  filled,
  HANDSHAKE,
  ID_KEY,
  KEYS,
  PACKETS,
  RESET_KEY,
  SERVER_BOOT,
  STAMP_MS,
} from './wire-example.js'

function connectionIds(): Json {
  const codec = new CidCodec(ID_KEY)
  const places = [
    [0, 0, 0],
    [0, 0, 1],
    [0, 1, 0],
    [1, 0, 0],
    [63, 0xff_ffff, 1023],
    [5, 123_456, 789],
    [33, 0x80_0000, 512],
  ]
  const ids = places.map(([node = 0, slot = 0, rotation = 0]) => {
    const id = new Uint8Array(5)
    codec.write(id, 0, node, slot, rotation)
    return { 'node and worker': node, slot, rotation, 'connection ID': hex(id) }
  })
  return { about: 'wire-spec 13: connection IDs', 'ID key': hex(ID_KEY), ids }
}

function resets(): Json {
  const tokens = [
    [0, 0, 0],
    [0, 1, 2],
    [63, 0xff_ffff, 1023],
  ].map(([node = 0, slot = 0, rotation = 0]) => {
    const token = resetToken(crypto, RESET_KEY, node, slot, rotation)
    return { 'node and worker': node, slot, rotation, token: hex(token), datagram: hex(writeReset(token)) }
  })
  return { about: 'wire-spec 6.1 and 13: reset tokens and resets', 'reset key': hex(RESET_KEY), tokens }
}

function cookies(): Json {
  const secret = filled(0x99)
  const made = (
    [
      ['192.0.2.1', 5683],
      ['2001:db8::1', 65535],
    ] as const
  ).map(([ip, port]) => {
    const address = addressFrom(ip, port)
    return { ip, port, 'address and port': hex(address), cookie: hex(cookieOf(crypto, secret, address)) }
  })
  const server = keyPair(crypto, HANDSHAKE.input.serverStatic)
  const key = cookieKey(crypto, server.publicKey)
  const cookie = cookieOf(crypto, secret, addressFrom('192.0.2.1', 5683))
  const nonce = filled(0x12, 12)
  const mac1 = mac1Of(HANDSHAKE.message1)
  const again = { ...HANDSHAKE.input, deviceEphemeral: filled(0x34) }
  const message1 = writeMessage1(crypto, HANDSHAKE.mac1Key, traceHandshake(crypto, again).noise1, cookie)
  return {
    about: 'wire-spec 4.4 and 13: cookies, the reply that carries one, and message 1 with mac2',
    'cookie secret': hex(secret),
    cookies: made,
    reply: {
      'server public key': hex(server.publicKey),
      'sealing key': hex(key),
      nonce: hex(nonce),
      mac1: hex(mac1),
      cookie: hex(cookie),
      datagram: hex(sealCookieReply(crypto, key, nonce, mac1, cookie)),
    },
    'message 1 with cookie': {
      'all but the ephemeral key': 'as in handshake.json',
      'device ephemeral secret key': hex(again.deviceEphemeral),
      mac1: hex(mac1Of(message1)),
      mac2: hex(message1.subarray(120)),
      datagram: hex(message1),
    },
  }
}

function packetNumbers(): Json {
  const cases: [number, 1 | 4, number][] = []
  for (const h of [NO_NUMBER, 0, 10, 127, 128, 1000, 2 ** 32 - 1, 2 ** 32 + 5, 2 ** 40, NUMBER_MAX]) {
    for (const ahead of [-127, -128, 1, 63, 128, 129]) cases.push([h, 1, (((h + ahead) % 256) + 256) % 256])
    for (const ahead of [-65_535, -65_536, 1, 2 ** 32 - 65_536, 2 ** 32 - 65_535]) {
      cases.push([h, 4, (((h + ahead) % 2 ** 32) + 2 ** 32) % 2 ** 32])
    }
  }
  const orNull = (number: number) => (number === NO_NUMBER ? null : number)
  return {
    about:
      'wire-spec 5.4: h is the highest number opened, null before the first; number is null where the packet is dropped',
    expand: cases.map(([h, bytes, low]) => ({ h: orNull(h), bytes, low, number: orNull(expandNumber(low, bytes, h)) })),
    'one byte allowed': [
      [100, 101],
      [100, 163],
      [100, 164],
      [0, 63],
      [0, 64],
    ].map(([confirmed = 0, number = 0]) => {
      return { 'last opened by the peer': confirmed, number, allowed: isShortAllowed(number, confirmed) }
    }),
    'change of connection ID': skips(),
  }
}

function headers(): Json {
  const number = 0x1234_5678_9abc
  const cid = fromHex('0102030405')
  const forms: Json[] = []
  for (let bits = 0; bits < 16; bits++) {
    const direction = (bits & 8) === 0 ? 'd2s' : 's2d'
    const fields = {
      long: (bits & 1) !== 0,
      boot: (bits & 2) === 0 ? null : DEVICE_BOOT,
      ask: (bits & 4) !== 0,
      grease: (bits & 3) | ((bits & 1) << 4),
    }
    if (direction === 's2d' && fields.ask) continue
    const header = writeHeader({ ...fields, cid: direction === 'd2s' ? cid : null, number })
    forms.push({
      direction,
      flags: hex(header.subarray(0, 1)),
      'connection ID': direction === 'd2s' ? hex(cid) : null,
      'boot value': fields.boot === null ? null : hex(fields.boot),
      'packet number': number,
      header: hex(header),
    })
  }
  for (const direction of ['d2s', 's2d'] as const) {
    const d2s = direction === 'd2s'
    const greased = { long: false, boot: null, ask: d2s, grease: 0x10 } as const
    const probing = { long: d2s, boot: null, ask: false, probe: true, grease: 2 } as const
    for (const fields of [greased, probing]) {
      const header = writeHeader({ ...fields, cid: d2s ? cid : null, number })
      forms.push({
        direction,
        flags: hex(header.subarray(0, 1)),
        'connection ID': d2s ? hex(cid) : null,
        'boot value': null,
        'packet number': number,
        header: hex(header),
      })
    }
  }
  return {
    about: 'wire-spec 5.1: headers; the first byte of a dropped packet is good but for the bits named',
    headers: forms,
    dropped: [
      { direction: 'd2s', 'first byte': '8c', why: 'PROBE and ASK' },
      { direction: 'd2s', 'first byte': 'a4', why: 'PROBE and BOOT' },
      { direction: 's2d', 'first byte': 'a4', why: 'PROBE and BOOT' },
      { direction: 's2d', 'first byte': '88', why: 'ASK' },
    ],
  }
}

function handshake(): Json {
  const { input, trace } = HANDSHAKE
  const pair = (secretKey: Uint8Array) => ({
    secret: hex(secretKey),
    public: hex(keyPair(crypto, secretKey).publicKey),
  })
  const refusal = (code: number, value: number, psk: Uint8Array): Json => {
    const payload2 = writeRefusal(code, value)
    return {
      code,
      value,
      payload: hex(payload2),
      'message 2': hex(writeMessage2(traceHandshake(crypto, { ...input, psk, payload2 }).noise2)),
    }
  }
  return {
    about: 'wire-spec 4: one handshake with every state of Noise on the way; k is null before the first key',
    protocol: HANDSHAKE_PROTOCOL,
    prologue: hex(HANDSHAKE_PROLOGUE),
    'device static': pair(input.deviceStatic),
    'device ephemeral': pair(input.deviceEphemeral),
    'server static': pair(input.serverStatic),
    'server ephemeral': pair(input.serverEphemeral),
    psk: hex(input.psk),
    stamp: STAMP_MS,
    'payload 1': hex(input.payload1),
    'payload 2': hex(input.payload2),
    'mac1 key': hex(HANDSHAKE.mac1Key),
    mac1: hex(mac1Of(HANDSHAKE.message1)),
    'message 1': hex(HANDSHAKE.message1),
    'message 2': hex(HANDSHAKE.message2),
    noise: trace.steps.map(({ step, h, ck, k }) => ({ step, h: hex(h), ck: hex(ck), k: k === null ? null : hex(k) })),
    root: hex(trace.root),
    refusals: [
      refusal(1, STAMP_MS, input.psk),
      refusal(2, STAMP_MS + 1, input.psk),
      refusal(3, 0, filled(0)),
      refusal(4, 30, input.psk),
    ],
  }
}

function packets(): Json {
  return {
    about: 'wire-spec 5 and 7: the packets that follow the handshake of handshake.json',
    root: hex(HANDSHAKE.trace.root),
    'device boot value': hex(DEVICE_BOOT),
    'server boot value': hex(SERVER_BOOT),
    keys: {
      'd2s, D zero': hex(KEYS.deviceToServer),
      's2d, S and D zero': hex(KEYS.serverToDevice),
      'd2s, D the device boot value': hex(KEYS.deviceToServerBooted),
      's2d, S and D the boot values': hex(KEYS.serverToDeviceBooted),
    },
    packets: packetRows(PACKETS),
  }
}

function steps(): Json {
  const pair = ({ secretKey, publicKey }: KeyPair) => ({ secret: hex(secretKey), public: hex(publicKey) })
  const epoch = (root: Uint8Array, keys: { d2s: Uint8Array; s2d: Uint8Array }) => {
    return { root: hex(root), d2s: hex(keys.d2s), s2d: hex(keys.s2d) }
  }
  return {
    about: 'wire-spec 5.6: a step with keys and a symmetric one, after the packets of packet.json',
    'device boot value': hex(DEVICE_BOOT),
    'server boot value': hex(SERVER_BOOT),
    'root of epoch 0': hex(STEPS.root),
    'device key of the step': pair(STEPS.deviceKeys),
    'server key of the step': pair(STEPS.serverKeys),
    'shared secret': hex(STEPS.shared),
    T1: hex(STEPS.mixed),
    'epoch 1, by keys': epoch(STEPS.first, STEPS.firstKeys),
    'epoch 2, symmetric': epoch(STEPS.second, STEPS.secondKeys),
    packets: packetRows(STEPS.packets),
  }
}

/** Contents of each file of `test/vectors/wire/`. */
export function wireVectors(): Record<string, Json> {
  return {
    'connection-id.json': connectionIds(),
    'cookie.json': cookies(),
    'frame.json': frames(),
    'handshake.json': handshake(),
    'key-transfer.json': keyTransfer(),
    'header.json': headers(),
    'list.json': list(),
    'packet.json': packets(),
    'packet-number.json': packetNumbers(),
    'padding.json': padding(),
    'pong.json': pongs(),
    'replay-window.json': replayWindow(),
    'reset.json': resets(),
    'restart.json': restart(),
    'retry.json': retry(),
    'silence.json': silence(),
    'step.json': steps(),
  }
}
