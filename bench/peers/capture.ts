/** Captures on the loopback, by Wireshark's `dumpcap`, read while they run. */

import { BenchError } from '../bench-error.js'
import { parsePcap } from '../pcap/pcap.js'
import type { Segment } from '../pcap/transport.js'
import { type Child, startProgram, versionText } from './program.js'

/** Nothing came for so long: an exchange is over, delayed acknowledgements (40 ms) and capture buffers included, ms. */
const QUIET_MS = 400
const SETTLE_MS = 10_000
const START_MS = 10_000
const LOOK_MS = 20
/** Enough for every header, B. */
const SNAP_BYTES = 128
const PCAP_HEADER_BYTES = 24

/** Why nothing can be captured here; null where it can. */
export function captureMissing(): string | null {
  return versionText('dumpcap', '--version') === null ? 'missing: install Debian package tshark (dumpcap)' : null
}

export class Capture {
  readonly #child: Child
  #bytes: Buffer = Buffer.alloc(0)
  #lastMs = performance.now()
  #read = 0

  private constructor(port: number) {
    const filter = `port ${port}`
    const words = ['dumpcap', '-q', '-i', 'lo', '-f', filter, '-s', String(SNAP_BYTES), '-P', '-w', '-']
    this.#child = startProgram(words, { stdio: ['ignore', 'pipe'] })
    this.#child.process.stdout!.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#lastMs = performance.now()
    })
  }

  /** Settles when it captures. @throws BenchError if the system does not let us. */
  static async start(port: number): Promise<Capture> {
    const capture = new Capture(port)
    const untilMs = performance.now() + START_MS
    while (capture.#bytes.length < PCAP_HEADER_BYTES) {
      if (capture.#child.process.exitCode !== null || performance.now() > untilMs) {
        await capture.stop()
        throw new BenchError(`dumpcap cannot capture on the loopback: ${capture.#child.said()}`, 1)
      }
      await pause()
    }
    return capture
  }

  /** What came since the last call, when it has been quiet. */
  async settle(): Promise<Segment[]> {
    const startMs = performance.now()
    this.#lastMs = startMs
    while (performance.now() - this.#lastMs < QUIET_MS && performance.now() - startMs < SETTLE_MS) await pause()
    const segments = parsePcap(this.#bytes).packets.flatMap(({ segment }) => segment ?? [])
    const news = segments.slice(this.#read)
    this.#read = segments.length
    return news
  }

  async stop(): Promise<void> {
    await this.#child.stop()
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}
