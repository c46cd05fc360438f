import { DeviceError, type DeviceErrorCode } from './device-error.js'
import type { Outlet } from './outlet.js'

/** Whether the server answers, as the host was last told. */
export class Contact {
  readonly #outlet: Outlet
  #isOnline = false
  #isLostTold = false
  #isUnreadableTold = false
  #handshakeBytes: [number, number] | null = null

  constructor(outlet: Outlet) {
    this.#outlet = outlet
  }

  get isOnline(): boolean {
    return this.#isOnline
  }

  /** A handshake was accepted; told with the next answer. */
  handleHandshake(bytes: [number, number]): void {
    this.#handshakeBytes = bytes
  }

  /** An asking packet was answered and took effect. @returns whether the host was told 'online'. */
  handleAnswer(): boolean {
    if (this.#isOnline && this.#handshakeBytes === null) return false
    this.#isOnline = true
    this.#isLostTold = false
    this.#isUnreadableTold = false
    this.#outlet.emit({ kind: 'online', handshakeBytes: this.#handshakeBytes })
    this.#handshakeBytes = null
    return true
  }

  /** A round failed, or a handshake stays unanswered: told once until the next answer. */
  handleSilence(code: DeviceErrorCode): void {
    this.#isOnline = false
    if (this.#isLostTold) return
    this.#isLostTold = true
    this.#outlet.emit({ kind: 'contact-lost', error: new DeviceError(code) })
  }

  /** Handshakes are answered, but by what does not open: told once until the next answer, also after silence. */
  handleUnreadable(): void {
    if (this.#isUnreadableTold) return
    this.#isUnreadableTold = true
    this.#isLostTold = false
    this.handleSilence('PL_HANDSHAKE_UNREADABLE')
  }

  /** The session ended; its event tells the host. */
  handleEnd(): void {
    this.#isOnline = false
    this.#handshakeBytes = null
  }
}
