/**
 * Key log: one line for each key of a session that sealed or opened a packet, for each connection ID. With it anybody can
 * read all that was sent under these keys. Format: `docs/qlog.md`.
 */
import { hex } from '../base/bytes.js'
import type { ChannelObserver, WatchedPacket } from '../session/observer.js'

/** Lines remembered, so that they are written once; more come again, which is no harm. */
const REMEMBERED = 65_536

const LABELS = { d2s: 'PILOTLIGHT_D2S', s2d: 'PILOTLIGHT_S2D' } as const

export class KeyLog implements ChannelObserver {
  readonly #write: (line: string) => void
  readonly #written = new Set<string>()

  /** @param write takes whole lines. */
  constructor(write: (line: string) => void) {
    this.#write = write
  }

  onPacket({ direction, cid, epoch, deviceBoot, serverBoot, key }: WatchedPacket): void {
    const boots = `${deviceBoot === null ? '-' : hex(deviceBoot)} ${direction === 'd2s' ? '-' : hex(serverBoot)}`
    const line = `${LABELS[direction]} ${hex(cid)} ${epoch} ${boots} ${hex(key)}\n`
    if (this.#written.has(line)) return
    this.#written.add(line)
    if (this.#written.size > REMEMBERED)
      for (const oldest of this.#written) {
        this.#written.delete(oldest)
        break
      }
    this.#write(line)
  }

  onNote(): void {}
}
