import { fromHex, hex } from '../base/bytes.js'
import type { PuidFrame, PuidRequestFrame } from '../frame/frame.js'
import type { Outlet } from './outlet.js'

const KEY = 'puid '

/** Pseudonyms that were asked for and have not come. wire-spec §12.4 */
export class Puids {
  readonly #outlet: Outlet
  /** By application, hex. */
  readonly #waiting = new Map<string, PuidRequestFrame>()

  constructor(outlet: Outlet) {
    this.#outlet = outlet
  }

  /**
   * Asks for the person's pseudonym for an application.
   *
   * @param app      16 hexadecimal digits.
   * @param rotation of the application's entry in the list.
   */
  request(app: string, rotation: number): void {
    const frame: PuidRequestFrame = { kind: 'puid-request', app: fromHex(app), rotation }
    this.#waiting.set(app, frame)
    this.#outlet.ask(KEY + app, frame)
  }

  /** Our frame was answered by a PONG, but not yet by PUID: it goes along with the next asking packet. */
  handleConfirmed(key: string): void {
    if (!key.startsWith(KEY)) return
    const frame = this.#waiting.get(key.slice(KEY.length))
    if (frame !== undefined) this.#outlet.askAlong(key, frame)
  }

  /** Takes a PUID; one that was not asked for does nothing. */
  handlePuid(frame: PuidFrame): void {
    const app = hex(frame.app)
    if (this.#waiting.get(app)?.rotation !== frame.rotation) return
    this.#waiting.delete(app)
    this.#outlet.unask(KEY + app)
    this.#outlet.emit({ kind: 'puid', app, rotation: frame.rotation, puid: frame.puid })
  }
}
