import { ADDRESS_BYTES } from '../base/address.js'
import { isConnectionAddress } from '../base/connection-address.js'
import type { ServerFrame } from '../frame/frame.js'
import { PathProof } from '../session/path.js'
import { Offset } from '../session/record.js'
import type { SessionView } from '../session/view.js'
import type { Arrival } from './arrival.js'
import { Connections } from './connections.js'
import type { Core } from './core.js'
import { type Outgoing, pongTo } from './outgoing.js'

/** Proofs of addresses under way: wire-spec §8.1, and §8.2 for sessions that came from the store. Owns the address, and knows who is on a connection: §8.3. */
export class Paths {
  readonly #core: Core
  readonly #outgoing: Outgoing
  readonly #proofs = new Map<number, PathProof>()
  readonly #connections = new Connections()
  readonly #last = new Uint8Array(ADDRESS_BYTES)

  constructor(core: Core, outgoing: Outgoing) {
    this.#core = core
    this.#outgoing = outgoing
  }

  /**
   * Whether a RESPONSE in this packet proves the address that it came from, which then is the proven one. [R-8.1-3]
   */
  prove(view: SessionView, arrival: Arrival, nowMs: number): boolean {
    for (const frame of arrival.frames) {
      if (frame.kind !== 'response') continue
      const proof = this.#proofs.get(view.slot)
      if (proof?.isProvedBy(frame.challenge, arrival.remote) === true) {
        this.leave(view, nowMs)
        view.write(Offset.address, arrival.remote)
        this.begin(view)
        this.#core.observer?.note('path_updated', view.slot, { path: 'proven' }, arrival.remote)
        return true
      }
      this.#core.counters.dropped.count('challenge')
    }
    return false
  }

  /**
   * Answers a packet that took effect: PONG if it asked, with CLOCK if it brought SYNC and HINT if it brought LEARNT, and
   * CHALLENGE if its address is not proven. [R-7.2-1] [R-7.5-1] [R-9.5-1] [R-8.1-1]
   */
  answer(view: SessionView, arrival: Arrival, nowMs: number): void {
    if (view.isProven(arrival.remote)) {
      if (arrival.ask) this.#pong(view, arrival, nowMs)
      return
    }
    const proof = this.#proofOf(view)
    proof.heard(arrival.remote, arrival.bytes, nowMs)
    this.#send(view, proof, arrival.ask ? [pongTo(arrival.number)] : [], nowMs)
  }

  /**
   * Answers a packet on an unconfirmed session, whatever its address: at most one answer a second, and none to a packet
   * that is older than another one. [R-8.2-1] [R-8.2-5]
   */
  answerUnconfirmed(view: SessionView, arrival: Arrival, nowMs: number): void {
    const proof = this.#proofOf(view)
    if (!proof.isNewer(arrival.number, arrival.isFirst)) return
    proof.heard(arrival.remote, arrival.bytes, nowMs)
    if (proof.mayChallenge(nowMs)) this.#send(view, proof, arrival.ask ? [pongTo(arrival.number)] : [], nowMs)
    else this.#core.dueTimes.add(proof.challengeDueMs, view.slot)
  }

  /** Sends a CHALLENGE that had to wait for its second; forgets a proof that came to nothing. */
  handleDue(view: SessionView, nowMs: number): void {
    const proof = this.#proofs.get(view.slot)
    if (proof === undefined) return
    if (nowMs >= proof.expiresAtMs) this.#proofs.delete(view.slot)
    else if (proof.mayChallenge(nowMs)) this.#send(view, proof, [], nowMs)
    else this.#core.dueTimes.add(Math.min(proof.challengeDueMs, proof.expiresAtMs), view.slot)
  }

  /** Sessions with an address that waits for its proof. */
  get count(): number {
    return this.#proofs.size
  }

  /** Whether an address of this session waits for its proof. */
  isProving(slot: number): boolean {
    return this.#proofs.has(slot)
  }

  /** The record has a proven address, of a proof or of another session's start. */
  begin(view: SessionView): void {
    this.#connections.enter(view.slot, view.read(Offset.address, this.#last))
  }

  /** The session is over: forgets the slot's proof, and the connection that it is on. */
  drop(view: SessionView): void {
    this.#proofs.delete(view.slot)
    this.#connections.leave(view.slot, view.read(Offset.address, this.#last), null)
  }

  /** The same, and another proven address takes the place: a connection that nobody is on is closed. [R-8.3-14] */
  leave(view: SessionView, nowMs: number): void {
    this.#proofs.delete(view.slot)
    this.#connections.leave(view.slot, view.read(Offset.address, this.#last), nowMs)
  }

  /** When `expire` has something to do, monotonic ms. */
  get nextMs(): number {
    return this.#connections.nextMs
  }

  /** Gives up the connections that sessions have moved away from. */
  expire(nowMs: number): void {
    this.#connections.expire(nowMs, (address) => this.#core.out.close(address))
  }

  /** A session came from the store: no connection outlives the process that had it. [R-8.3-6] */
  load(view: SessionView): void {
    if (isConnectionAddress(view.read(Offset.address, this.#last))) view.wipe(Offset.address, ADDRESS_BYTES)
  }

  /**
   * A connection closed: sessions whose path it was have none until they are heard elsewhere. [R-8.3-5]
   *
   * @param remote 18 B, its address.
   * @param onEnd  gets each slot.
   */
  close(view: SessionView, remote: Uint8Array, onEnd: (slot: number) => void): void {
    for (const slot of this.#connections.take(remote)) {
      if (!view.at(slot).inUse || !view.isProven(remote)) continue
      view.wipe(Offset.address, ADDRESS_BYTES)
      this.#core.counters.pathsClosed++
      this.#core.observer?.note('path_updated', slot, { path: 'closed' }, remote)
      onEnd(slot)
    }
  }

  #pong(view: SessionView, arrival: Arrival, nowMs: number): void {
    const clockMs = Math.floor(nowMs + this.#core.wallAheadMs)
    const answers: ServerFrame[] = []
    for (const frame of arrival.frames) {
      if (frame.kind === 'sync') answers.push({ kind: 'clock', clockMs })
      else if (frame.kind === 'learnt') answers.push(this.#core.hints.answer(view.slot, frame, arrival.remote, nowMs))
    }
    const pong =
      answers.length > 0
        ? this.#outgoing.seal(view, [pongTo(arrival.number), ...answers])
        : this.#outgoing.sealPong(view, arrival.number)
    this.#outgoing.transmit(pong, arrival.remote)
  }

  #proofOf(view: SessionView): PathProof {
    let proof = this.#proofs.get(view.slot)
    if (proof === undefined) {
      proof = new PathProof(this.#core.random)
      this.#proofs.set(view.slot, proof)
    }
    return proof
  }

  /** Only PONG and CHALLENGE go to an address that is not proven, and not more than twice what came. [R-8.1-4] */
  #send(view: SessionView, proof: PathProof, frames: ServerFrame[], nowMs: number): void {
    const challenged = proof.mayChallenge(nowMs)
    if (challenged) frames.push({ kind: 'challenge', challenge: proof.challenge })
    if (frames.length > 0) {
      const datagram = this.#outgoing.seal(view, frames)
      if (datagram !== null && proof.hasBudget(datagram.length)) {
        this.#outgoing.transmit(datagram, proof.address)
        proof.sent(datagram.length, challenged, nowMs)
        if (challenged) this.#core.counters.challengesSent++
      } else {
        proof.giveUp()
        this.#core.counters.dropped.count('unproven-budget')
      }
    }
    this.#core.dueTimes.add(Math.min(proof.challengeDueMs, proof.expiresAtMs), view.slot)
  }
}
