/** The commands of a device: what its host and its person can say. */
import { PilotlightError } from '../base/errors.js'
import type { Now } from '../base/time.js'
import type { Window } from '../frame/person-list.js'
import { REPLY_BYTES_MAX, ROTATION_GUESS_MAX, ROTATION_MAX } from '../packet/constants.js'
import { DeviceError } from './device-error.js'
import { type ChoiceName, entryOf, isConsented, type ListEdit } from './list-edit.js'
import { PING } from './outgoing.js'
import type { PathKind } from './transport.js'
import { WatchedDevice } from './watched-device.js'

/** Bytes of an application id. */
const APP_DIGITS = 16

/** How an application sees the person. What is left out stays as it is; at first it is the default. */
export interface Visibility {
  /** at what hours, in the list's time zone; none: at all hours (default) */
  hours?: Window[]
  /** the application always sees `offline` (default false) */
  appearOffline?: boolean
  /** the application sees the status and away messages (default false) */
  shareMessages?: boolean
}

/**
 * A whole device. See `DeviceCore` for its doors and `HostedDevice` for what the host tells. Each command that changes the list returns the number of an edit; the
 * 'list-changed' event that names it in `settled` says that the server has committed it. Edits outlive the process.
 */
export class DeviceMachine extends WatchedDevice {
  /**
   * When the server counts an idle person as away and as offline.
   *
   * @param awayAfterS    seconds of idleness; 0 never.
   * @param offlineAfterS seconds of idleness; 0 never.
   */
  setThresholds(awayAfterS: number, offlineAfterS: number, now: Now): void {
    for (const seconds of [awayAfterS, offlineAfterS]) {
      if (!Number.isSafeInteger(seconds) || seconds < 0)
        throw new PilotlightError('PL_BAD_OPTION', 'thresholds are whole seconds')
    }
    this.parts.setThresholds({ kind: 'thresholds', awayAfterS, offlineAfterS })
    this.handleTimeout(now)
  }

  /** Which kind of path datagrams go by. */
  usePath(kind: PathKind, now: Now): void {
    this.parts.watch?.usePath(kind)
    this.parts.learner.useCarrier(kind, now)
  }

  /**
   * Datagrams go by another path now: a ping goes at once and asks, so that the server challenges the new address; a
   * handshake under way goes on with its next message 1. wire-spec §8.3
   */
  pathMoved(kind: PathKind, now: Now): void {
    const { channel, asking, handshake, learner, watch } = this.parts
    watch?.usePath(kind)
    learner.handleMoved(kind, now)
    if (channel.hasSession) {
      asking.move()
      asking.put(PING, null)
      learner.askHint()
    }
    handshake.retry(now)
    this.handleTimeout(now)
  }

  /** The connection was closed by the path or a server that was killed; it is opened again, and `pathMoved` follows. */
  pathBroken(now: Now): void {
    this.parts.learner.handleBroken(now)
  }

  /** What the person chose, for all their devices. */
  setChoice(choice: ChoiceName, now: Now): number {
    return this.#edit({ kind: 'choice', choice }, now)
  }

  /**
   * Status and away message.
   *
   * @param status at most 128 B of UTF-8.
   * @param away   at most 128 B of UTF-8.
   * @throws PilotlightError PL_BAD_LIST if one is longer.
   */
  setMessages(status: string, away: string, now: Now): number {
    return this.#edit({ kind: 'messages', status, away }, now)
  }

  /** Time zone of the hours. @param zone IANA name, or empty for UTC. */
  setZone(zone: string, now: Now): number {
    return this.#edit({ kind: 'zone', zone }, now)
  }

  /**
   * Lets an application see the person.
   *
   * @param app 16 hexadecimal digits.
   * @throws DeviceError PL_LIST_FULL; PilotlightError PL_BAD_HEX, PL_BAD_LIST.
   */
  allow(app: string, { hours, appearOffline, shareMessages }: Visibility, now: Now): number {
    const id = appId(app)
    const held = entryOf(this.parts.list.current, id)
    // A consent after a revocation has another pseudonym.
    const isNew = held === null || !isConsented(held)
    return this.#edit(
      {
        kind: 'entry',
        app: id,
        ...(isNew ? { rotation: this.#newRotation(id, held?.rotation ?? 0, now) } : {}),
        visible: true,
        blocked: false,
        ...(hours === undefined ? {} : { windows: hours }),
        ...(appearOffline === undefined ? {} : { appearOffline }),
        ...(shareMessages === undefined ? {} : { shareMessages }),
      },
      now,
    )
  }

  /** Hides the person from an application; its pseudonym and settings stay for a later `allow`. */
  deny(app: string, now: Now): number {
    return this.#edit({ kind: 'entry', app: appId(app), visible: false }, now)
  }

  /** Hides the person from an application and refuses its rings, until `allow`. */
  block(app: string, now: Now): number {
    return this.#edit({ kind: 'entry', app: appId(app), visible: false, blocked: true }, now)
  }

  /** Takes the consent back: the application is out of the list, and sees somebody who went out of contact. */
  forget(app: string, now: Now): number {
    return this.#revoke('forget', appId(app), now)
  }

  /** Takes the consent back and lets the application know it (cause `revoked`). */
  revoke(app: string, now: Now): number {
    return this.#revoke('revoke', appId(app), now)
  }

  /** Gives the person another pseudonym for an application: who knows the old one sees somebody who went away. */
  rotatePuid(app: string, now: Now): number {
    const id = appId(app)
    const rotation = this.#newRotation(id, entryOf(this.parts.list.current, id)?.rotation ?? 0, now)
    return this.#edit({ kind: 'rotate', app: id, rotation }, now)
  }

  /**
   * Asks for the person's pseudonym for an application; 'puid' brings it.
   *
   * @throws DeviceError PL_NO_CONSENT if the list of this device has no consent to it: then none is in force.
   */
  requestPuid(app: string, now: Now): void {
    const id = appId(app)
    const held = entryOf(this.parts.list.current, id)
    if (held === null || !isConsented(held)) throw new DeviceError('PL_NO_CONSENT', id)
    this.parts.puids.request(id, held.rotation)
    this.handleTimeout(now)
  }

  /** Asks whether the server has an application, whatever the list says; 'app-checked' brings it. */
  checkApp(app: string, now: Now): void {
    this.parts.puids.check(appId(app))
    this.handleTimeout(now)
  }

  /**
   * The person takes a ring. 'ring-ended' says whether they were the first.
   *
   * @param ring  32 hexadecimal digits, of the 'ring' event.
   * @param reply at most 256 B for the sender, or null.
   * @throws DeviceError PL_RING_OVER; PilotlightError PL_BAD_OPTION for a longer reply.
   */
  accept(ring: string, reply: Uint8Array | null, now: Now): void {
    if (reply !== null && reply.length > REPLY_BYTES_MAX) {
      throw new PilotlightError('PL_BAD_OPTION', `reply of more than ${REPLY_BYTES_MAX} bytes`)
    }
    if (!this.parts.rings.answer(ring, 0, reply?.slice() ?? null, now)) throw new DeviceError('PL_RING_OVER', ring)
    this.handleTimeout(now)
  }

  /** The person declines a ring. @throws DeviceError PL_RING_OVER. */
  dismiss(ring: string, now: Now): void {
    if (!this.parts.rings.answer(ring, 1, null, now)) throw new DeviceError('PL_RING_OVER', ring)
    this.handleTimeout(now)
  }

  /** The host displays a ring now. @throws DeviceError PL_RING_OVER. */
  shown(ring: string, now: Now): void {
    if (!this.parts.rings.shown(ring)) throw new DeviceError('PL_RING_OVER', ring)
    this.handleTimeout(now)
  }

  /** The host has told the person of the missed rings. @param ring one of them, or null for all. */
  clearMissed(ring: string | null): void {
    this.parts.seen.dropMissed(ring)
    this.parts.outlet.save(null)
  }

  /**
   * The person compared the codes on both devices: gives the list key to the new one. [R-11-1]
   *
   * @param request of the 'key-offer' event.
   * @throws DeviceError PL_OFFER_UNKNOWN.
   */
  confirmKeyOffer(request: number, now: Now): void {
    const { listKey } = this.parts.list
    if (listKey === null || !this.parts.transfer.confirm(request, listKey, now)) {
      throw new DeviceError('PL_OFFER_UNKNOWN', `${request}`)
    }
    this.handleTimeout(now)
  }

  /**
   * The person has no other device that could give the list key: begins with an empty list, in place of the one that
   * nobody can open. All applications must be allowed again; other devices, if there are any, lose theirs.
   *
   * @returns false if this device can open the list, or has not heard of one.
   */
  startNewList(now: Now): boolean {
    const hasStarted = this.parts.flow.startAnew()
    this.handleTimeout(now)
    return hasStarted
  }

  #revoke(kind: 'forget' | 'revoke', app: string, now: Now): number {
    const held = entryOf(this.parts.list.current, app)
    if (held !== null) this.parts.grants.handleRevoked(app, held.rotation)
    return this.#edit({ kind, app }, now)
  }

  /**
   * A rotation: seconds by the server's clock, as far as it is known, else by its own within bounds; above the one that is held, and above what was taken
   * back here, which can be of this second, or ahead of it. wire-spec [R-10.1-5]
   */
  #newRotation(app: string, held: number, now: Now): number {
    const serverMs = this.parts.clock.earliest(now.monotonicMs)
    const guessS = Math.min(Math.max(Math.floor(now.wallMs / 1000), 1), ROTATION_GUESS_MAX)
    const seconds = serverMs === null ? guessS : Math.floor(serverMs / 1000)
    return Math.min(Math.max(seconds, held + 1, this.parts.grants.lastRevoked(app) + 1), ROTATION_MAX)
  }

  #edit(edit: ListEdit, now: Now): number {
    const number = this.parts.list.edit(edit)
    this.parts.outlet.save(null)
    this.parts.flow.handleEdit(now)
    this.parts.rings.handleChange(now)
    this.handleTimeout(now)
    return number
  }
}

/**
 * Digits of an application id as people write it, with `app_` or without.
 *
 * @throws PilotlightError PL_BAD_HEX.
 */
export function appId(app: string): string {
  const id = app.toLowerCase().replace(/^app_/, '')
  if (id.length !== APP_DIGITS || !/^[0-9a-f]+$/.test(id))
    throw new PilotlightError('PL_BAD_HEX', 'an application id has 16 digits')
  return id
}
