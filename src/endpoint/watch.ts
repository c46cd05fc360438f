import { addressText } from '../base/address.js'
import { hex } from '../base/bytes.js'
import { connectionOf, isConnectionAddress } from '../base/connection-address.js'
import { BOOT_BYTES, CID_BYTES, DATAGRAM_BYTES_MAX } from '../packet/constants.js'
import type { DropReason } from '../packet/drop.js'
import { CID_OFFSET, datagramKind } from '../packet/header.js'
import type { SessionContext } from '../session/context.js'
import { serverBootOf } from '../session/keys.js'
import type {
  ChannelNote,
  ChannelObserver,
  KeyCause,
  SessionObserver,
  SessionPacket,
  WatchedPacket,
} from '../session/observer.js'
import { Offset } from '../session/record.js'
import type { SessionView } from '../session/view.js'
import { slotOf } from './device-handle.js'
import type { EndpointEvent } from './message.js'

/** Reasons for which a datagram that opened has no effect. Others, after it opened, refuse something that it wanted. */
const WITHOUT_EFFECT: ReadonlySet<DropReason> = new Set(['unconfirmed', 'malformed', 'no-session'])

/** No slot. */
const NOBODY = -1

/** What the watch asks of its endpoint. */
interface Watched extends SessionContext {
  readonly view: SessionView
  cid(slot: number, rotation: number): Uint8Array
}

/**
 * Tells an observer what the endpoint does, with the names that sessions have outside: `s` and the slot, and the
 * connection ID. It stands between the parts and the observer only while somebody watches.
 */
export class Watch implements SessionObserver {
  readonly #core: Watched
  readonly #observer: ChannelObserver
  /** Slot and rotation that the datagram under way is addressed to. */
  #slot = NOBODY
  #rotation = 0
  /** The datagram under way, until it was told of; borrowed. */
  #came: Uint8Array | null = null
  #remote = ''
  #hasOpened = false
  /** The packet that was sealed last, until it goes out. */
  #sealed: WatchedPacket | null = null

  constructor(core: Watched, observer: ChannelObserver) {
    this.#core = core
    this.#observer = observer
  }

  /** A datagram came; borrowed until `settle`. @param remote 18 B. */
  came(bytes: Uint8Array, remote: Uint8Array): void {
    this.#came = bytes
    this.#remote = remoteText(remote)
    this.#hasOpened = false
    this.#slot = NOBODY
  }

  /** The datagram under way has a connection ID of this endpoint. */
  addressed(slot: number, rotation: number): void {
    this.#slot = slot
    this.#rotation = rotation
  }

  /** The datagram under way was worked on. */
  settle(): void {
    if (this.#came !== null && !this.#hasOpened) this.#tellDatagram('packet_received', this.#came, this.#remote, {})
    this.#came = null
    this.#slot = NOBODY
  }

  /** The datagram under way waits: it comes again. */
  postponed(): void {
    this.#came = null
  }

  /** Something was counted as dropped: the datagram under way, or what it or a timer wanted. */
  counted(reason: DropReason): void {
    const bytes = this.#came
    if (bytes !== null && (!this.#hasOpened || WITHOUT_EFFECT.has(reason))) {
      this.#tellDatagram('packet_dropped', bytes, this.#remote, { reason })
      this.#came = null
    } else this.note('effect_withheld', this.#slot === NOBODY ? null : this.#slot, { reason })
  }

  onPacket(view: SessionView, packet: SessionPacket): void {
    const isPending = view !== this.#core.view
    const slot = isPending ? this.#slot : view.slot
    const { isSent, datagram } = packet
    const cid = isSent
      ? this.#core.cid(slot, isPending ? this.#rotation : view.rotation)
      : datagram.slice(CID_OFFSET, CID_OFFSET + CID_BYTES)
    const watched: WatchedPacket = {
      ...packet,
      direction: isSent ? 's2d' : 'd2s',
      cid,
      group: groupOf(slot),
      remote: isSent ? null : this.#remote,
      epoch: view.epoch,
      deviceBoot: view.read(Offset.deviceBoot, new Uint8Array(BOOT_BYTES)),
      serverBoot: serverBootOf(view, this.#core),
    }
    // What is sealed may yet be withheld.
    if (isSent) this.#sealed = { ...watched, key: packet.key.slice() }
    else {
      this.#hasOpened = true
      this.#observer.onPacket(watched)
    }
  }

  onKeys(view: SessionView, cause: KeyCause): void {
    const slot = view === this.#core.view ? view.slot : this.#slot
    const deviceBoot = hex(view.read(Offset.deviceBoot, new Uint8Array(BOOT_BYTES)))
    const serverBoot = hex(serverBootOf(view, this.#core))
    this.note('keys_updated', slot, { cause, epoch: view.epoch, device_boot: deviceBoot, server_boot: serverBoot })
  }

  /** A datagram goes out. @param remote 18 B. */
  sent(bytes: Uint8Array, remote: Uint8Array): void {
    const sealed = this.#sealed
    this.#sealed = null
    if (sealed !== null && sealed.datagram === bytes) {
      this.#observer.onPacket({ ...sealed, remote: remoteText(remote) })
      sealed.key.fill(0)
    } else this.#tellDatagram('packet_sent', bytes, remoteText(remote), {})
  }

  /** The hub is told something. */
  event(event: EndpointEvent): void {
    const slot = slotOf(event.device)
    if (event.kind === 'contact') this.note('contact_updated', slot, { contact: event.state, fresh: event.fresh })
    else if (event.kind === 'lost') this.note('contact_updated', slot, { contact: 'lost', fresh: false })
    else if (event.kind === 'ended') this.note('session_ended', slot, {})
    else if (event.kind !== 'frame') this.note('frame_settled', slot, { id: event.id, acked: event.kind === 'acked' })
  }

  /** Anything else. @param slot of the session, or null. @param remote 18 B, told as text. */
  note(name: ChannelNote['name'], slot: number | null, fields: ChannelNote['fields'], remote?: Uint8Array): void {
    const group = slot === null ? null : groupOf(slot)
    const told = remote === undefined ? fields : { ...fields, remote: remoteText(remote) }
    this.#observer.onNote({ name, group, fields: told })
  }

  /** A datagram without the frames in it: one of a handshake, or one that did not open. */
  #tellDatagram(name: ChannelNote['name'], bytes: Uint8Array, remote: string, fields: ChannelNote['fields']): void {
    const kind = kindOf(bytes, name === 'packet_sent')
    const slot = this.#slot === NOBODY ? null : this.#slot
    this.note(name, slot, { kind, bytes: bytes.length, remote, ...fields })
  }
}

function groupOf(slot: number): string {
  return `s${slot}`
}

function remoteText(remote: Uint8Array): string {
  return isConnectionAddress(remote) ? `websocket ${connectionOf(remote)}` : addressText(remote)
}

/** 'unknown' for bytes that are no datagram of the protocol. */
function kindOf(bytes: Uint8Array, isSent: boolean): string {
  const kind = datagramKind(bytes.subarray(0, DATAGRAM_BYTES_MAX + 1), isSent ? 's2d' : 'd2s')
  return kind === 'kind' || kind === 'length' ? 'unknown' : kind
}
