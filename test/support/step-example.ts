/** Two key steps that follow the packets of `wire-example.ts`, one with keys and one without. wire-spec §5.6. */
import { hkdf } from '../../src/crypto/hkdf.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import type { DeviceFrame } from '../../src/frame/frame.js'
import { deviceToServerKey, serverToDeviceKey } from '../../src/packet/protection.js'
import { keyedRoot, symmetricRoot } from '../../src/packet/step-root.js'
import {
  BOOTED_ANSWER,
  BOOTED_START,
  DEVICE_BOOT,
  type ExamplePacket,
  filled,
  HANDSHAKE,
  KEYS,
  packetD2s,
  packetS2d,
  SERVER_BOOT,
} from './wire-example.js'

const { root } = HANDSHAKE.trace
const deviceKeys = keyPair(crypto, filled(0xaa))
const serverKeys = keyPair(crypto, filled(0xbb))
const keys = { deviceKey: deviceKeys.publicKey, serverKey: serverKeys.publicKey }
const shared = crypto.sharedSecret(deviceKeys.secretKey, serverKeys.publicKey) as Uint8Array
const first = keyedRoot(crypto, root, deviceKeys.secretKey, serverKeys.publicKey, keys) as Uint8Array
const second = symmetricRoot(crypto, first)

const keysOf = (of: Uint8Array) => ({
  d2s: deviceToServerKey(crypto, of, DEVICE_BOOT),
  s2d: serverToDeviceKey(crypto, of, SERVER_BOOT, DEVICE_BOOT),
})
const [firstKeys, secondKeys] = [keysOf(first), keysOf(second)]

const active: DeviceFrame = { kind: 'ping', state: 'active', silenceClass: 4 }
const pong = (number: number) => ({ kind: 'pong', residue: number % 48 }) as const
const FIRST_START = 0x0444_4444
const FIRST_ANSWER = 0x0555_5555
const SECOND_START = 0x0666_6666
const SECOND_ANSWER = 0x0777_7777
const asks = { ask: true, grease: 0x12 }

const packets: readonly ExamplePacket[] = [
  packetD2s('PING with a STEP with a key, epoch 0', KEYS.deviceToServerBooted, BOOTED_START + 1, asks, [
    active,
    { kind: 'step', key: keys.deviceKey },
  ]),
  packetS2d('STEPPED, after the commit', KEYS.serverToDeviceBooted, BOOTED_ANSWER + 2, { grease: 0x10 }, [
    { kind: 'stepped', key: keys.serverKey },
  ]),
  packetD2s('first packet of epoch 1', firstKeys.d2s, FIRST_START, { long: true, ask: true, grease: 0x01 }, [active]),
  packetS2d('its answer', firstKeys.s2d, FIRST_ANSWER, { long: true, grease: 0x11 }, [pong(FIRST_START)]),
  packetD2s('PING with a STEP without a key, epoch 1', firstKeys.d2s, FIRST_START + 1, { ask: true, grease: 0x02 }, [
    active,
    { kind: 'step', key: null },
  ]),
  packetS2d('STEPPED without a key', firstKeys.s2d, FIRST_ANSWER + 2, { grease: 0x10 }, [
    { kind: 'stepped', key: null },
  ]),
  packetD2s('first packet of epoch 2', secondKeys.d2s, SECOND_START, { long: true, ask: true, grease: 0x13 }, [active]),
  packetS2d('its answer, epoch 2', secondKeys.s2d, SECOND_ANSWER, { long: true }, [pong(SECOND_START)]),
]

/** The steps, and every value on the way. */
export const STEPS = {
  root,
  deviceKeys,
  serverKeys,
  shared,
  mixed: hkdf(crypto, root, shared, 2)[0],
  first,
  second,
  firstKeys,
  secondKeys,
  packets,
}
