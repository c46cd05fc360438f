/** Who the devices of a generated store are: everything is derived from the seed and their number, nothing is kept. */
import { writeU48 } from '../../src/base/bytes.js'
import { ascii } from '../../src/base/text.js'
import { type Crypto, KEY_BYTES, NONCE_BYTES } from '../../src/crypto/crypto.js'
import { BOOT_BYTES } from '../../src/packet/constants.js'

/** Devices and accounts of a group: five accounts, the last of them with a second device. N devices have N / 1.2 accounts. */
const GROUP_DEVICES = 6
const GROUP_ACCOUNTS = 5

/** Seconds of the boot values in a generated session: long ago, so that every real one is newer. */
const BOOT_SECONDS = 1_000_000

const NOTHING = new Uint8Array(0)

/** Secrets of one device; valid until the next `of`. */
export interface Identity {
  /** 32 B, root of its session */
  root: Uint8Array
  /** 32 B */
  psk: Uint8Array
  /** 32 B, static X25519 secret */
  secretKey: Uint8Array
}

/** Key stream of ChaCha20 under the seed's key, with the device's number as nonce. */
export class Identities {
  readonly #crypto: Crypto
  readonly #key: Uint8Array
  readonly #nonce = new Uint8Array(NONCE_BYTES)
  readonly #zeros = new Uint8Array(3 * KEY_BYTES)

  /** @param seed any text; the same devices for the same text. */
  constructor(crypto: Crypto, seed: string) {
    this.#crypto = crypto
    this.#key = crypto.hash(ascii(`pilotlight bench devices ${encodeURIComponent(seed)}`))
  }

  /** @param device 0.. */
  of(device: number): Identity {
    writeU48(this.#nonce, 6, device)
    const stream = this.#crypto.seal(this.#key, this.#nonce, NOTHING, this.#zeros)
    return {
      root: stream.subarray(0, KEY_BYTES),
      psk: stream.subarray(KEY_BYTES, 2 * KEY_BYTES),
      secretKey: stream.subarray(2 * KEY_BYTES, 3 * KEY_BYTES),
    }
  }
}

/** Number of the account that a device belongs to, 0..; its key in the store is one more. */
export function accountOf(device: number): number {
  const group = Math.floor(device / GROUP_DEVICES)
  return group * GROUP_ACCOUNTS + Math.min(device % GROUP_DEVICES, GROUP_ACCOUNTS - 1)
}

/** The first device of an account. */
export function firstDeviceOf(account: number): number {
  return Math.floor(account / GROUP_ACCOUNTS) * GROUP_DEVICES + (account % GROUP_ACCOUNTS)
}

/** Accounts of so many devices. */
export function accountsFor(devices: number): number {
  return devices === 0 ? 0 : accountOf(devices - 1) + 1
}

/** Boot value of either end in a generated session. */
export function generatedBoot(): Uint8Array {
  const boot = new Uint8Array(BOOT_BYTES)
  writeU48(boot, 0, BOOT_SECONDS * 65_536)
  return boot
}
