import type { Now } from '../base/time.js'
import type { DeviceMachine } from './device-machine.js'
import type { RingEnd, RingEvent } from './event.js'

export { SERVER_APP } from '../packet/constants.js'

/** Runs a command of the machine, then sends and tells what it caused. */
export type Run = <Result>(command: (machine: DeviceMachine, now: Now) => Result) => Result

/** A ring that the person should see now. */
export class Ring {
  /** 32 hexadecimal digits. */
  readonly id: string
  /** 16 hexadecimal digits of the application; `SERVER_APP`: the server itself asks. */
  readonly app: string
  readonly title: string
  readonly body: string
  /** What to open when the person accepts; may be empty. */
  readonly url: string
  /** For the application's own code; opaque. */
  readonly payload: Uint8Array
  /** Milliseconds from the event to the deadline. */
  readonly remainingMs: number
  /** How it ended, whoever ended it; 'unconfirmed' also when the device is closed or removed first. Never rejects. */
  readonly ended: Promise<RingEnd>
  readonly #run: Run

  /** @param ended settles with its 'ring-ended' event. */
  constructor(event: RingEvent, ended: Promise<RingEnd>, run: Run) {
    this.id = event.ring
    this.app = event.app
    this.title = event.title
    this.body = event.body
    this.url = event.url
    this.payload = event.payload
    this.remainingMs = event.remainingMs
    this.ended = ended
    this.#run = run
  }

  /**
   * The person takes it.
   *
   * @param reply at most 256 B for the sender.
   * @returns how it ended: 'accepted', or 'answered-elsewhere' when another device was first.
   * @throws DeviceError PL_RING_OVER; PilotlightError PL_BAD_OPTION for a longer reply. Both as a rejection.
   */
  async accept(reply: Uint8Array | null = null): Promise<RingEnd> {
    this.#run((machine, now) => machine.accept(this.id, reply, now))
    return this.ended
  }

  /** The person declines it. @throws DeviceError PL_RING_OVER, as a rejection. */
  async dismiss(): Promise<RingEnd> {
    this.#run((machine, now) => machine.dismiss(this.id, now))
    return this.ended
  }

  /** The host displays it now; the sender is told. @throws DeviceError PL_RING_OVER. */
  shown(): void {
    this.#run((machine, now) => machine.shown(this.id, now))
  }
}
