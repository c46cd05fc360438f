/**
 * The device's connection IDs: the current one, one spare, each with its reset token. wire-spec §6.
 *
 * They stand in the session's record and are saved with it. Moving to the spare and taking a new spare must be durable
 * before they are used or acked, else a crash could bring the device back to an ID that it has left ([R-6-3]), or leave
 * it without the spare that the server thinks it has.
 */
import { equalBytes, hex } from '../base/bytes.js'
import { CID_BYTES, RESET_TOKEN_BYTES } from '../packet/constants.js'
import { Offset, SessionFlag } from '../session/record.js'
import type { SessionView } from '../session/view.js'

/** IDs remembered as left, for late repeats of the NEW_CID that brought them. */
const LEFT_MAX = 8

export class ConnectionIds {
  #left: string[] = []

  /**
   * The ID of message 2. No spare until a NEW_CID.
   *
   * @param view  at the new session.
   * @param cid   5 B, copied.
   * @param token 12 B, copied.
   */
  start(view: SessionView, cid: Uint8Array, token: Uint8Array): void {
    view.write(Offset.cid, cid)
    view.write(Offset.token, token)
    view.lower(SessionFlag.hasSpare)
    this.#left = []
  }

  /**
   * Takes a NEW_CID.
   *
   * @param cid   5 B, copied.
   * @param token 12 B, copied.
   * @returns whether the spare changed: save, then ack. False for a repeat, the current ID or one that was left: ack.
   */
  takeSpare(view: SessionView, cid: Uint8Array, token: Uint8Array): boolean {
    if (view.matches(Offset.cid, cid) || this.#left.includes(hex(cid))) return false
    if (view.has(SessionFlag.hasSpare) && view.matches(Offset.spareCid, cid)) return false
    view.write(Offset.spareCid, cid)
    view.write(Offset.spareToken, token)
    view.raise(SessionFlag.hasSpare)
    return true
  }

  /**
   * The network changed: moves to the spare; the next packet skips numbers. [R-6-2], [R-5.4-5]
   *
   * @returns whether there was one: save, then send.
   */
  move(view: SessionView): boolean {
    if (!view.has(SessionFlag.hasSpare)) return false
    this.#left.push(hex(view.read(Offset.cid, new Uint8Array(CID_BYTES))))
    if (this.#left.length > LEFT_MAX) this.#left.shift()
    view.write(Offset.cid, view.read(Offset.spareCid, new Uint8Array(CID_BYTES)))
    view.write(Offset.token, view.read(Offset.spareToken, new Uint8Array(RESET_TOKEN_BYTES)))
    view.lower(SessionFlag.hasSpare)
    view.raise(SessionFlag.skipPending)
    return true
  }

  /** Whether a reset's token is that of the current ID. [R-6.1-2] */
  isCurrentToken(view: SessionView, token: Uint8Array): boolean {
    return equalBytes(token, view.read(Offset.token, new Uint8Array(RESET_TOKEN_BYTES)))
  }
}
