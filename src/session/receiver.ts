/** Opens packets of a session: wire-spec §5. Owns h, the replay window and the count of failed opens. */

import { KEY_BYTES } from '../crypto/crypto.js'
import { BOOT_BYTES } from '../packet/constants.js'
import type { DropReason } from '../packet/drop.js'
import type { Header } from '../packet/header.js'
import { expandNumber, NO_NUMBER } from '../packet/packet-number.js'
import { deviceToServerKey, openPacket } from '../packet/protection.js'
import { isFresh, type ReplayWindow, recordNumber, startWindow } from '../packet/replay-window.js'
import type { SessionContext } from './context.js'
import {
  bootSeconds,
  changeDeviceBoot,
  changeRoot,
  changeServerBoot,
  deriveReceiveKey,
  dropLastKey,
  receiveKeyFor,
} from './keys.js'
import { Offset, SessionFlag } from './record.js'
import type { SessionView } from './view.js'

/** Packets that may fail to open under one root before the session must end (close code 4). wire-spec [R-5.2-2] */
export const FAILED_OPENS_MAX = 2 ** 36

/** `bootOffset` of a header without BOOT. */
const NO_BOOT = -1

/** Opens datagrams to any session of one slab. What it says of the packet opened last holds until the next `open`. */
export class Receiver {
  readonly #context: SessionContext
  readonly #key = new Uint8Array(KEY_BYTES)
  readonly #held = new Uint8Array(BOOT_BYTES)
  #number = NO_NUMBER
  #isNewest = false
  #hadBoot = false
  #tookBoot = false
  #byLastKey = false
  #byLastRoot = false
  #isTagWrong = false

  constructor(context: SessionContext) {
    this.#context = context
  }
  /** Number of the packet opened last. */
  get number(): number {
    return this.#number
  }
  /** Whether it is above all numbers opened before under its key. */
  get isNewest(): boolean {
    return this.#isNewest
  }
  /** Whether it carried a boot value. */
  get hadBoot(): boolean {
    return this.#hadBoot
  }
  /** Whether it brought a new D (at the server) or a new S (at the device). */
  get tookBoot(): boolean {
    return this.#tookBoot
  }
  /** Device: whether it was under the s2d key before the last change of D or of the root. [R-5.3-2] [R-5.6-5] */
  get byLastKey(): boolean {
    return this.#byLastKey
  }
  /** Device: whether it was under the root before this one. [R-5.6-5] */
  get byLastRoot(): boolean {
    return this.#byLastRoot
  }

  /**
   * Opens a channel packet and records its number: by the present key, else, at a device that holds one, by the last s2d
   * key. A boot value in it that is new is taken. On an unconfirmed session of a server (wire-spec §8.2) the number is not
   * recorded, see `confirmSession`. [R-5.6-10]
   *
   * @param view   at the session.
   * @param header of the datagram, parsed for this direction.
   * @param packet the datagram.
   * @returns the frames' bytes, fresh; or why the packet is dropped: 'boot-old', 'number', 'replay' or 'tag'.
   *   Then nothing has changed but the count of failed opens.
   */
  open(view: SessionView, header: Header, packet: Uint8Array): Uint8Array | DropReason {
    this.#begin(header)
    const present = this.#openPresent(view, header, packet)
    const opened = typeof present === 'string' ? this.#openLast(view, header, packet, present) : present
    this.#key.fill(0)
    if (typeof opened === 'string' && this.#isTagWrong) view.failedOpens++
    return opened
  }

  /**
   * Server: opens a packet that the present root did not open under the one that was promised. If it opens, the session
   * has that root, and D too if a new one is in the packet; everything up to its number counts as seen. [R-5.6-4]
   *
   * @param root   32 B, durably promised.
   * @param reason what `open` has just said of this packet.
   * @returns as `open`; a packet that neither root opens is counted once. [R-5.6-10]
   */
  openNext(
    view: SessionView,
    root: Uint8Array,
    header: Header,
    packet: Uint8Array,
    reason: DropReason,
  ): Uint8Array | DropReason {
    this.#begin(header)
    const held = view.read(Offset.deviceBoot, this.#held)
    const boot = this.#hadBoot ? packet.subarray(header.bootOffset, header.bootOffset + BOOT_BYTES) : held
    const isNewBoot = this.#hadBoot && !view.matches(Offset.deviceBoot, boot)
    if (isNewBoot && bootSeconds(boot) <= bootSeconds(held)) return reason
    const number = expandNumber(header.numberLow, header.numberBytes, NO_NUMBER)
    if (number === NO_NUMBER) return reason
    const key = deviceToServerKey(this.#context.crypto, root, boot)
    const plaintext = openPacket(this.#context.crypto, key, packet, header.headerBytes, number)
    if (plaintext === null) {
      key.fill(0)
      if (reason !== 'tag') view.failedOpens++
      return gravest(reason, 'tag')
    }
    this.#number = number
    this.#isNewest = true
    this.#tookBoot = isNewBoot
    changeRoot(view, this.#context, root, boot)
    startWindow(view, number)
    this.#tell(view, header, packet, plaintext, key, false)
    key.fill(0)
    this.#noteOpened(view)
    return plaintext
  }

  #begin(header: Header): void {
    this.#hadBoot = header.bootOffset !== NO_BOOT
    this.#tookBoot = false
    this.#byLastKey = false
    this.#byLastRoot = false
    this.#isTagWrong = false
  }

  /** By the present root, with the D or S that is held or a newer one in the packet. */
  #openPresent(view: SessionView, header: Header, packet: Uint8Array): Uint8Array | DropReason {
    if (this.#hadBoot) {
      const boot = packet.subarray(header.bootOffset, header.bootOffset + BOOT_BYTES)
      const offset = view.role === 'server' ? Offset.deviceBoot : Offset.serverBoot
      if (!view.matches(offset, boot)) return this.#openNewBoot(view, header, packet, boot)
    }
    if (view.has(SessionFlag.keyPending)) deriveReceiveKey(view, this.#context)
    const opened = this.#openBy(view, view.read(Offset.receiveKey, this.#key), header, packet, view)
    if (typeof opened !== 'string') this.#noteOpened(view)
    return opened
  }

  #openBy(
    view: SessionView,
    key: Uint8Array,
    header: Header,
    packet: Uint8Array,
    window: ReplayWindow,
  ): Uint8Array | DropReason {
    const number = expandNumber(header.numberLow, header.numberBytes, window.high)
    if (number === NO_NUMBER) return 'number'
    if (!isFresh(window, number)) return 'replay'
    const plaintext = openPacket(this.#context.crypto, key, packet, header.headerBytes, number)
    if (plaintext === null) return this.#tagWrong()
    this.#number = number
    this.#isNewest = number > window.high
    if (view.role === 'device' || view.confirmed) recordNumber(window, number)
    this.#tell(view, header, packet, plaintext, key, window !== view)
    return plaintext
  }

  /** A boot value that is not the one held: taken if its seconds are greater and the tag verifies. [R-5.3-3] [R-5.3-6] */
  #openNewBoot(view: SessionView, header: Header, packet: Uint8Array, boot: Uint8Array): Uint8Array | DropReason {
    const server = view.role === 'server'
    view.read(server ? Offset.deviceBoot : Offset.serverBoot, this.#held)
    if (bootSeconds(boot) <= bootSeconds(this.#held)) return 'boot-old'
    const number = expandNumber(header.numberLow, header.numberBytes, NO_NUMBER)
    if (number === NO_NUMBER) return 'number'
    const key = receiveKeyFor(view, this.#context, boot)
    const plaintext = openPacket(this.#context.crypto, key, packet, header.headerBytes, number)
    if (plaintext === null) {
      key.fill(0)
      return this.#tagWrong()
    }
    this.#number = number
    this.#isNewest = true
    this.#tookBoot = true
    if (server) {
      changeDeviceBoot(view, this.#context, boot)
      startWindow(view, number)
    } else {
      changeServerBoot(view, this.#context, boot)
      recordNumber(view, number)
    }
    this.#tell(view, header, packet, plaintext, key, false)
    key.fill(0)
    this.#noteOpened(view)
    return plaintext
  }

  /**
   * Device: a packet that the server sent before it heard of our new D or root, under the last s2d key and the S that is
   * held. That key has numbers and a window of its own. [R-5.3-2] [R-5.6-5]
   */
  #openLast(view: SessionView, header: Header, packet: Uint8Array, reason: DropReason): Uint8Array | DropReason {
    if (!view.has(SessionFlag.hasLastKey)) return reason
    const boot = packet.subarray(header.bootOffset, header.bootOffset + BOOT_BYTES)
    if (this.#hadBoot && !view.matches(Offset.serverBoot, boot)) return reason
    const window: ReplayWindow = { high: view.lastHigh, bitmapLow: view.lastBitmapLow, bitmapHigh: view.lastBitmapHigh }
    const opened = this.#openBy(view, view.read(Offset.lastReceiveKey, this.#key), header, packet, window)
    if (typeof opened === 'string') return gravest(reason, opened)
    view.lastHigh = window.high
    view.lastBitmapLow = window.bitmapLow
    view.lastBitmapHigh = window.bitmapHigh
    this.#byLastKey = true
    this.#byLastRoot = view.has(SessionFlag.lastRoot)
    return opened
  }

  /** Tells who watches, if anybody does. */
  #tell(
    view: SessionView,
    header: Header,
    datagram: Uint8Array,
    plaintext: Uint8Array,
    key: Uint8Array,
    isLastKey: boolean,
  ): void {
    const { observer } = this.#context
    if (observer === null || observer === undefined) return
    const { headerBytes } = header
    observer.onPacket(view, { isSent: false, datagram, headerBytes, number: this.#number, plaintext, key, isLastKey })
  }

  #tagWrong(): 'tag' {
    this.#isTagWrong = true
    return 'tag'
  }

  /** Who must go on sending BOOT: [R-5.3-1] for a device, [R-5.3-5] for a server. */
  #noteOpened(view: SessionView): void {
    if (view.role === 'device') {
      view.lower(SessionFlag.bootPending)
      if (this.#hadBoot) view.raise(SessionFlag.longPending)
      if (view.has(SessionFlag.hasLastKey)) dropLastKey(view)
    } else if (this.#hadBoot) view.raise(SessionFlag.bootPending)
    else if (this.#isNewest) view.lower(SessionFlag.bootPending)
  }
}

/**
 * Server: the RESPONSE in the packet opened last was right. The session is confirmed and everything up to `number`
 * counts as seen. wire-spec [R-8.2-2]
 */
export function confirmSession(view: SessionView, number: number): void {
  view.raise(SessionFlag.confirmed)
  view.answerNumber = NO_NUMBER
  startWindow(view, number)
}

/** Which of the reasons that two roots gave for one packet is counted: that it came before, then that it was tried. */
function gravest(a: DropReason, b: DropReason): DropReason {
  if (a === 'replay' || b === 'replay') return 'replay'
  return a === 'tag' ? a : b
}
