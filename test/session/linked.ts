/** A device's and a server's record of one session, side by side. */
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import type { DropReason } from '../../src/packet/drop.js'
import { emptyHeader, parseHeader } from '../../src/packet/header.js'
import { startKeys } from '../../src/session/keys.js'
import { Receiver } from '../../src/session/receiver.js'
import type { Role } from '../../src/session/record.js'
import { type OutgoingPacket, Sender } from '../../src/session/sender.js'
import { SessionSlab } from '../../src/session/slab.js'
import type { SessionView } from '../../src/session/view.js'
import { testCrypto } from '../support/crypto.js'
import { bootValue } from '../support/pair.js'

export const crypto: Crypto = await testCrypto()
export const ROOT = new Uint8Array(32).fill(0x77)

export class End {
  readonly role: Role
  readonly random: SeededRandom
  readonly view: SessionView
  boot: Uint8Array
  sender: Sender
  receiver: Receiver
  readonly header = emptyHeader()

  constructor(role: Role, seconds: number, seed: string = role) {
    this.role = role
    this.random = new SeededRandom(seed)
    this.boot = bootValue(seconds, this.random)
    this.view = new SessionSlab(role, 1).view().at(0)
    this.sender = new Sender(this.context)
    this.receiver = new Receiver(this.context)
  }

  get context(): { crypto: Crypto; random: SeededRandom; boot: Uint8Array } {
    return { crypto, random: this.random, boot: this.boot }
  }

  /** Another process with the same record. */
  restart(seconds: number): void {
    this.boot = bootValue(seconds, this.random)
    this.sender = new Sender(this.context)
    this.receiver = new Receiver(this.context)
  }

  seal(packet: Partial<OutgoingPacket> = {}): Uint8Array {
    const { plaintext = Uint8Array.of(4), ask = false, retry = false, answers = false, padded = false } = packet
    return this.sender.seal(this.view, { plaintext, ask, retry, answers, padded }) as Uint8Array
  }

  open(datagram: Uint8Array): Uint8Array | DropReason {
    const wrong = parseHeader(datagram, this.role === 'server' ? 'd2s' : 's2d', this.header)
    return wrong ?? this.receiver.open(this.view, this.header, datagram)
  }
}

/** Both ends of a session that a handshake has just begun. Boot values of 1000 s (server) and 2000 s (device). */
export function linked(): { server: End; device: End } {
  const server = new End('server', 1000)
  const device = new End('device', 2000)
  startKeys(server.view, server.context, ROOT)
  startKeys(device.view, device.context, ROOT)
  return { server, device }
}

/** Flags of the first byte. */
export const LONG = 0x40
export const BOOT = 0x20
