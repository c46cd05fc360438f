import { hex } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import { BOOT_BYTES, CID_BYTES, type Direction } from '../packet/constants.js'
import type { DropReason } from '../packet/drop.js'
import { CID_OFFSET, datagramKind } from '../packet/header.js'
import type {
  ChannelNote,
  ChannelObserver,
  KeyCause,
  NoteName,
  SessionObserver,
  SessionPacket,
} from '../session/observer.js'
import { Offset, SessionFlag } from '../session/record.js'
import type { SessionView } from '../session/view.js'
import type { DeviceChannel } from './device-channel.js'
import type { DeviceEvent } from './event.js'
import type { Handshake } from './handshake.js'
import type { Keepalive } from './keepalive.js'
import type { PathKind } from './transport.js'

/** Epochs are counted so far. */
const EPOCHS = 256

/** The parts that are looked at. */
interface WatchedParts {
  readonly channel: DeviceChannel
  readonly boot: Uint8Array
  readonly handshake: Handshake
  readonly keepalive: Keepalive
}

/** What is compared after each door: what changed is told. */
interface Seen {
  sessions: number
  hasSession: boolean
  cid: string
  boot: string
  handshake: string
  keepalive: string
}

/**
 * Tells an observer what a device does. Packets and keys it hears from the session; the rest it finds by comparing the
 * parts after each call of a door. Sessions are named `d` and their number in this process; `d0` came from the store.
 */
export class DeviceWatch implements SessionObserver {
  readonly #observer: ChannelObserver
  readonly #groups: [string, string] = ['d0', 'd0']
  #group = 'd0'
  #seen: Seen | null = null
  #path: PathKind = 'udp'
  #came: Uint8Array | null = null
  #hasOpened = false

  constructor(observer: ChannelObserver) {
    this.#observer = observer
  }

  /** Datagrams go by a path of this kind. */
  usePath(path: PathKind): void {
    if (path !== this.#path) this.note('path_updated', { path: 'moved', transport: path })
    this.#path = path
  }

  /** A datagram came; borrowed until `settle`. */
  came(datagram: Uint8Array): void {
    this.#came = datagram
    this.#hasOpened = false
  }

  /** The datagram under way was worked on. */
  settle(): void {
    if (this.#came !== null && !this.#hasOpened) this.#tellDatagram('packet_received', this.#came, 's2d', {})
    this.#came = null
  }

  /** A datagram was counted as dropped. */
  readonly onDrop = (reason: DropReason): void => {
    if (this.#came === null) this.note('effect_withheld', { reason })
    else this.#tellDatagram('packet_dropped', this.#came, 's2d', { reason })
    this.#came = null
  }

  /** A datagram goes out; a packet of a session was told when it was sealed. */
  sent(datagram: Uint8Array): void {
    if (datagramKind(datagram, 'd2s') !== 'channel') this.#tellDatagram('packet_sent', datagram, 'd2s', {})
  }

  onPacket(view: SessionView, packet: SessionPacket): void {
    const { isSent, datagram, isLastKey } = packet
    const epoch = isLastKey && view.has(SessionFlag.lastRoot) ? (view.epoch + EPOCHS - 1) % EPOCHS : view.epoch
    if (!isSent) this.#hasOpened = true
    this.#observer.onPacket({
      ...packet,
      direction: isSent ? 'd2s' : 's2d',
      cid: isSent
        ? datagram.slice(CID_OFFSET, CID_OFFSET + CID_BYTES)
        : view.read(Offset.cid, new Uint8Array(CID_BYTES)),
      group: this.#groups[view.slot as 0 | 1],
      remote: this.#path,
      epoch,
      deviceBoot: isLastKey ? null : view.read(Offset.deviceBoot, new Uint8Array(BOOT_BYTES)),
      serverBoot: view.read(Offset.serverBoot, new Uint8Array(BOOT_BYTES)),
    })
  }

  onKeys(view: SessionView, cause: KeyCause): void {
    const deviceBoot = hex(view.read(Offset.deviceBoot, new Uint8Array(BOOT_BYTES)))
    const serverBoot = hex(view.read(Offset.serverBoot, new Uint8Array(BOOT_BYTES)))
    const fields = { cause, epoch: view.epoch, device_boot: deviceBoot, server_boot: serverBoot }
    this.#observer.onNote({ name: 'keys_updated', group: this.#groups[view.slot as 0 | 1], fields })
  }

  /** The host is told something; texts, pseudonyms and application ids stay out. */
  event(event: DeviceEvent): void {
    if (event.kind === 'online') this.note('contact_updated', { contact: 'online' })
    else if (event.kind === 'contact-lost') this.note('contact_updated', { contact: 'lost', code: event.error.code })
    else if (event.kind === 'ring') this.note('ring_updated', { ring: event.ring, state: 'shown' })
    else if (event.kind === 'ring-ended') this.note('ring_updated', { ring: event.ring, state: event.outcome })
    else if (event.kind === 'missed') this.note('ring_updated', { ring: event.ring, state: 'listed-missed' })
    else if (event.kind === 'refused') this.note('handshake_updated', { step: 'refused', code: event.code })
    else if (event.kind === 'closed') this.note('session_ended', { code: event.code, own: event.own })
    else if (event.kind === 'stopped') this.note('contact_updated', { contact: 'stopped', confirmed: event.confirmed })
  }

  /** Anything else of the session that sends. */
  note(name: NoteName, fields: ChannelNote['fields']): void {
    this.#observer.onNote({ name, group: this.#group, fields })
  }

  /** Tells what is another since the last call. */
  compare(parts: WatchedParts, now: Now): void {
    this.settle() // before what it caused
    const last = this.#seen
    const seen = seenOf(parts)
    this.#seen = seen
    if (last === null) this.note('process_started', { boot: seen.boot })
    else if (last.boot !== seen.boot) this.note('boot_updated', { boot: seen.boot })
    if (seen.hasSession && (last === null || last.sessions !== seen.sessions)) {
      this.#group = `d${seen.sessions}`
      this.#groups[parts.channel.view.slot as 0 | 1] = this.#group
      this.note('session_started', { cid: seen.cid, stored: seen.sessions === 0 })
    } else if (last !== null && seen.hasSession && last.cid !== seen.cid) {
      this.note('connection_id_updated', { cid: seen.cid })
    }
    if (last?.handshake !== seen.handshake && (last !== null || parts.handshake.isActive)) {
      const { isActive, attempts } = parts.handshake
      this.note('handshake_updated', { step: isActive ? 'active' : 'over', attempts })
    }
    if (last?.keepalive !== seen.keepalive) this.#tellKeepalive(parts, now)
  }

  #tellKeepalive({ keepalive }: WatchedParts, now: Now): void {
    const nextMs = keepalive.nextTimeout()
    const nextInMs = nextMs === Infinity ? null : nextMs - now.monotonicMs
    const { intervalS, asks, state } = keepalive
    this.note('keepalive_updated', { interval_s: intervalS, next_in_ms: nextInMs, asks, state })
  }

  #tellDatagram(name: NoteName, bytes: Uint8Array, direction: Direction, fields: ChannelNote['fields']): void {
    const found = datagramKind(bytes, direction)
    const kind = found === 'kind' || found === 'length' ? 'unknown' : found
    this.note(name, { kind, bytes: bytes.length, remote: this.#path, ...fields })
  }
}

function seenOf({ channel, boot, handshake, keepalive }: WatchedParts): Seen {
  const { hasSession, sessions } = channel
  return {
    sessions,
    hasSession,
    cid: hasSession ? hex(channel.view.read(Offset.cid, new Uint8Array(CID_BYTES))) : '',
    boot: hex(boot),
    handshake: `${handshake.isActive} ${handshake.attempts}`,
    keepalive: `${keepalive.nextTimeout()} ${keepalive.intervalS} ${keepalive.state}`,
  }
}
