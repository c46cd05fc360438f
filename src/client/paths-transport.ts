/**
 * UDP and WebSocket as one transport: the session moves between them as between addresses, without a handshake. wire-spec
 * §8.3
 *
 * It begins with UDP. When something that asks for an answer gets none on UDP for the repeats of a round, a WebSocket is
 * opened, and datagrams go there once it is open. From there UDP is tried again after a change of network, and after
 * pauses that double from ten minutes to a day, always with a small packet that is due anyway: the radio is up for it.
 */
import {
  Flag,
  Kind,
  UDP_PATIENCE_MS,
  UDP_TRIAL_BYTES_MAX,
  UDP_TRIAL_FIRST_MS,
  UDP_TRIAL_LAST_MS,
} from '../packet/constants.js'
import type { Host } from './host.js'
import type { AddressFamily } from './learning/network.js'
import type { PathKind, ProbeSocket, Transport, TransportListener } from './transport.js'

/** A transport of connections that opens and closes when told to, as `WebSocketTransport`. */
export interface OpenableTransport extends Transport {
  /** Whether datagrams go out at once. */
  readonly isOpen: boolean
  /** Opens it; `onMoved` follows. */
  open(): void
  /** Closes it until the next `open`. */
  rest(): void
}

export interface PathsOptions {
  udp: Transport
  tcp: OpenableTransport
  host: Pick<Host, 'now' | 'setTimer'>
}

/** After the move back to UDP the connection stays so long: the server may be sending on it until UDP is proven. */
const LINGER_MS = 5000
/** A connection that is only cheaper must be open within this, ms. */
const TRY_MS = 20_000

export class PathsTransport implements Transport {
  readonly #udp: Transport
  readonly #tcp: OpenableTransport
  readonly #host: Pick<Host, 'now' | 'setTimer'>
  /** Left out if UDP has none. What comes there says nothing of the path. */
  readonly openProbe?: (onDatagram: (datagram: Uint8Array) => void) => ProbeSocket | null
  #listener: TransportListener | null = null
  #kind: PathKind = 'udp'
  #preferred: PathKind = 'udp'
  #isUdpBlocked = false
  /** Whether datagrams go to TCP as soon as it is open. */
  #wantsTcp = false
  /** Runs while something on the present path is unanswered. */
  #cancelPatience: (() => void) | null = null
  #cancelLinger: (() => void) | null = null
  #cancelAttempt: (() => void) | null = null
  /** When the other path is tried next, monotonic ms. */
  #trialAtMs = Infinity
  #trialPauseMs = UDP_TRIAL_FIRST_MS

  constructor({ udp, tcp, host }: PathsOptions) {
    this.#udp = udp
    this.#tcp = tcp
    this.#host = host
    if (udp.openProbe === undefined) return
    this.openProbe = (onDatagram) => (this.#kind === 'udp' ? (udp.openProbe?.(onDatagram) ?? null) : null)
  }

  get kind(): PathKind {
    return this.#kind
  }

  get family(): AddressFamily | null {
    return this.#path.family ?? null
  }

  isAlive(): boolean {
    return this.#path.isAlive?.() ?? true
  }

  listen(listener: TransportListener): void {
    this.#listener = listener
    this.#udp.listen({
      onDatagram: (datagram) => this.#handleUdp(datagram),
      onWay: () => {
        if (this.#kind === 'udp') listener.onWay()
      },
      onMoved: () => {
        if (this.#kind === 'udp') listener.onMoved()
      },
    })
    this.#tcp.listen({
      onDatagram: (datagram) => this.#handleTcp(datagram),
      onWay: () => {
        if (this.#kind === 'tcp') listener.onWay()
      },
      onMoved: () => this.#handleOpen(),
      onBroken: () => {
        if (this.#kind === 'tcp') listener.onBroken?.()
      },
    })
  }

  /**
   * Which path is better here, as `choosePath` says; the other one serves while this one does not answer. It holds
   * until it is said otherwise.
   *
   * @param isUdpBlocked UDP did not pass here before: the connection is opened at once, beside a first packet by UDP.
   */
  prefer(kind: PathKind, isUdpBlocked = false): void {
    if (kind === this.#preferred && isUdpBlocked === this.#isUdpBlocked) return
    this.#isUdpBlocked = isUdpBlocked
    if (kind !== this.#preferred) {
      this.#preferred = kind
      this.#trialPauseMs = UDP_TRIAL_FIRST_MS
      this.#trialAtMs = kind === this.#kind ? Infinity : this.#nowMs()
    }
    if (kind === 'tcp') this.#tryTcp()
    else if (this.#kind === 'udp' && isUdpBlocked) this.#openTcp()
    else if (this.#kind === 'udp') this.#restTcp()
  }

  send(datagram: Uint8Array): void {
    const asks = asksForAnswer(datagram)
    if (asks && this.#isTrialDue(datagram)) {
      this.#trialPauseMs = Math.min(this.#trialPauseMs * 2, UDP_TRIAL_LAST_MS)
      this.#trialAtMs = this.#nowMs() + this.#trialPauseMs
      if (this.#kind === 'tcp') {
        this.#udp.send(datagram) // its repeat, a second later, goes by TCP again
        return
      }
      this.#tryTcp()
    }
    this.#path.send(datagram)
    if (asks) this.#cancelPatience ??= this.#host.setTimer(UDP_PATIENCE_MS, () => this.#handleSilence())
  }

  /** After a change of network all begins anew, with UDP. After silence UDP gets a new socket; TCP is left by itself. */
  rebind(why: 'network' | 'silence'): void {
    if (why === 'silence') {
      if (this.#kind === 'udp') this.#udp.rebind(why)
      return
    }
    this.#forgetTimers()
    this.#kind = 'udp'
    this.#trialPauseMs = UDP_TRIAL_FIRST_MS
    this.#trialAtMs = Infinity
    this.#udp.rebind(why)
    this.#restTcp()
    if (this.#preferred === 'tcp') this.#tryTcp()
    else if (this.#isUdpBlocked) this.#openTcp()
  }

  close(): void {
    this.#forgetTimers()
    this.#udp.close()
    this.#tcp.close()
  }

  get #path(): Transport {
    return this.#kind === 'udp' ? this.#udp : this.#tcp
  }

  #nowMs(): number {
    return this.#host.now().monotonicMs
  }

  #isTrialDue(datagram: Uint8Array): boolean {
    if (this.#preferred === this.#kind || this.#nowMs() < this.#trialAtMs) return false
    return this.#kind === 'udp' || datagram.length <= UDP_TRIAL_BYTES_MAX
  }

  #handleUdp(datagram: Uint8Array): void {
    const isAnswerToTrial = this.#kind === 'tcp' && this.#preferred === 'udp'
    if (this.#preferred === 'udp') this.#trialPauseMs = UDP_TRIAL_FIRST_MS
    if (this.#kind === 'udp') {
      this.#clearPatience()
      if (this.#preferred === 'udp') this.#restTcp()
    } else if (isAnswerToTrial) this.#use('udp')
    this.#listener?.onDatagram(datagram)
    if (isAnswerToTrial) this.#listener?.onMoved()
  }

  #handleTcp(datagram: Uint8Array): void {
    if (this.#kind === 'tcp') this.#clearPatience()
    if (this.#preferred === 'tcp') this.#trialPauseMs = UDP_TRIAL_FIRST_MS
    this.#listener?.onDatagram(datagram)
  }

  /** The connection is open, for the first time or again. */
  #handleOpen(): void {
    if (this.#kind === 'udp' && !this.#wantsTcp) return
    this.#use('tcp')
    this.#listener?.onMoved()
  }

  /** What asked on the present path got no answer. */
  #handleSilence(): void {
    this.#cancelPatience = null
    if (this.#kind === 'udp') {
      this.#openTcp()
      return
    }
    this.#restTcp()
    this.#use('udp')
    this.#listener?.onMoved()
  }

  #openTcp(): void {
    this.#wantsTcp = true
    this.#tcp.open()
    if (this.#tcp.isOpen && this.#kind === 'udp') this.#handleOpen()
  }

  /** TCP would be better, but UDP serves: an attempt that is not open soon is given up, and waits for the next trial. */
  #tryTcp(): void {
    this.#openTcp()
    if (this.#kind === 'tcp') return
    this.#cancelAttempt?.()
    this.#cancelAttempt = this.#host.setTimer(TRY_MS, () => {
      this.#cancelAttempt = null
      if (this.#kind === 'tcp' || this.#preferred === 'udp' || this.#cancelPatience !== null) return
      this.#restTcp()
      this.#trialAtMs = Math.min(this.#trialAtMs, this.#nowMs() + this.#trialPauseMs)
    })
  }

  /** TCP is not wanted any more; while it lingers after a move it is closed by its timer. */
  #restTcp(): void {
    this.#wantsTcp = false
    if (this.#cancelLinger === null) this.#tcp.rest()
  }

  /** Datagrams go by this path from now on. */
  #use(kind: PathKind): void {
    this.#clearPatience()
    this.#cancelLinger?.()
    this.#cancelLinger = null
    this.#kind = kind
    this.#wantsTcp = kind === 'tcp'
    if (kind === this.#preferred) this.#trialAtMs = Infinity
    else if (this.#trialAtMs === Infinity) this.#trialAtMs = this.#nowMs() + this.#trialPauseMs
    if (kind === 'tcp') return
    this.#cancelLinger = this.#host.setTimer(LINGER_MS, () => {
      this.#cancelLinger = null
      if (!this.#wantsTcp) this.#tcp.rest()
    })
  }

  #clearPatience(): void {
    this.#cancelPatience?.()
    this.#cancelPatience = null
  }

  #forgetTimers(): void {
    this.#clearPatience()
    this.#cancelLinger?.()
    this.#cancelLinger = null
    this.#cancelAttempt?.()
    this.#cancelAttempt = null
  }
}

/** Whether a datagram of the device is to be answered: message 1, or a channel packet with ASK. wire-spec §3, §5.1 */
function asksForAnswer(datagram: Uint8Array): boolean {
  const [first = 0] = datagram
  if (first === Kind.message1 || first === Kind.message1Cookie) return true
  return (first & Flag.channel) !== 0 && (first & Flag.ask) !== 0
}
