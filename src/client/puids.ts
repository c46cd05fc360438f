import { fromHex, hex } from '../base/bytes.js'
import type { PuidFrame, PuidRequestFrame } from '../frame/frame.js'
import type { Outlet } from './outlet.js'

/** No consent has this rotation: who asks with it only asks whether there is such an application. wire-spec §12.4 */
const NO_ROTATION = 0

/** Pseudonyms, and whether applications exist: what was asked for and has not come. wire-spec §12.4 */
export class Puids {
  readonly #outlet: Outlet
  /** By key. */
  readonly #waiting = new Map<string, PuidRequestFrame>()

  constructor(outlet: Outlet) {
    this.#outlet = outlet
  }

  /**
   * Asks for the person's pseudonym for an application.
   *
   * @param app      16 hexadecimal digits.
   * @param rotation of the application's entry in the list; not 0.
   */
  request(app: string, rotation: number): void {
    this.#ask(app, rotation)
  }

  /** Asks whether the server has an application. @param app 16 hexadecimal digits. */
  check(app: string): void {
    this.#ask(app, NO_ROTATION)
  }

  /** Our frame was answered by a PONG, but not yet by PUID: it goes along with the next asking packet. */
  handleConfirmed(key: string): void {
    const frame = this.#waiting.get(key)
    if (frame !== undefined) this.#outlet.askAlong(key, frame)
  }

  /** Takes a PUID; one that was not asked for does nothing. */
  handlePuid({ app: bytes, rotation, puid }: PuidFrame): void {
    const app = hex(bytes)
    const key = keyOf(app, rotation)
    if (this.#waiting.get(key)?.rotation !== rotation) return
    this.#waiting.delete(key)
    this.#outlet.unask(key)
    if (rotation === NO_ROTATION) this.#outlet.emit({ kind: 'app-checked', app, exists: puid !== '' })
    else this.#outlet.emit({ kind: 'puid', app, rotation, puid })
  }

  #ask(app: string, rotation: number): void {
    const frame: PuidRequestFrame = { kind: 'puid-request', app: fromHex(app), rotation }
    const key = keyOf(app, rotation)
    this.#waiting.set(key, frame)
    this.#outlet.ask(key, frame)
  }
}

/** Of two pseudonyms of one application the one asked for last is wanted. */
function keyOf(app: string, rotation: number): string {
  return rotation === NO_ROTATION ? `app ${app}` : `puid ${app}`
}
