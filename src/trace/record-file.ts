/** A file that takes records from a loop that must not wait: they are written in batches behind it. */
import { closeSync, fchmodSync, fstatSync, openSync, write, writeSync } from 'node:fs'

/** Records that wait for the disk, bytes at most; more are lost and counted. */
const WAITING_MAX = 16 * 1024 * 1024
/** How long records are collected, ms. */
const FLUSH_MS = 100

export interface RecordFileOptions {
  path: string
  /** as of `open`: `wx` makes a new file, `a` appends */
  flags: 'wx' | 'a'
  /** mode of the file, also of one that was there */
  mode: number
  /** bytes that this process writes to it at most; then it is ended as if the disk were full */
  bytesMax: number
  /** told once when nothing more is written; why, in words */
  onEnd: (reason: string) => void
  /** makes the record that tells how many were lost, or '' */
  lost: (records: number) => string
}

/** An open file. Nothing that goes wrong after its first record is thrown. */
export class RecordFile {
  readonly #options: RecordFileOptions
  readonly #fd: number
  readonly #onExit = () => this.#flushNow()
  #waiting: string[] = []
  #waitingBytes = 0
  #writtenBytes = 0
  #lost = 0
  #timer: NodeJS.Timeout | null = null
  #underWay: Promise<void> | null = null
  #isOpen = true

  /**
   * Opens the file and writes its first record, which shows whether that can be done.
   *
   * @throws NodeJS.ErrnoException of open or write.
   */
  constructor(options: RecordFileOptions, first: string) {
    this.#options = options
    this.#fd = openSync(options.path, options.flags, options.mode)
    try {
      if (fstatSync(this.#fd).isFile()) fchmodSync(this.#fd, options.mode)
      this.#writtenBytes = writeAll(this.#fd, Buffer.from(first))
    } catch (error) {
      closeSync(this.#fd)
      throw error
    }
    process.on('exit', this.#onExit)
  }

  /** Whether records are still taken. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Takes a record; never waits. */
  write(record: string): void {
    if (!this.#isOpen) return
    if (this.#waitingBytes > WAITING_MAX) {
      this.#lost++
      return
    }
    this.#waiting.push(record)
    this.#waitingBytes += record.length
    if (this.#timer !== null || this.#underWay !== null) return
    this.#timer = setTimeout(() => this.#flush(), FLUSH_MS)
    this.#timer.unref()
  }

  /** Writes what waits, and closes. */
  async close(): Promise<void> {
    while (this.#underWay !== null) await this.#underWay
    this.#flushNow()
    this.#end()
  }

  /** What waits; null: it does not fit any more, and the file has ended. */
  #take(): Buffer | null {
    const lost = this.#lost === 0 ? '' : this.#options.lost(this.#lost)
    const bytes = Buffer.from(this.#waiting.join('') + lost)
    this.#waiting = []
    this.#waitingBytes = 0
    this.#lost = 0
    if (this.#writtenBytes + bytes.length <= this.#options.bytesMax) return bytes
    this.#fail(`it would have more than ${this.#options.bytesMax} bytes`)
    return null
  }

  #flush(): void {
    this.#timer = null
    if (!this.#isOpen || this.#waiting.length === 0) return
    const bytes = this.#take()
    if (bytes === null) return
    this.#underWay = writeBehind(this.#fd, bytes)
      .then(
        (written) => {
          this.#writtenBytes += written
        },
        (error: NodeJS.ErrnoException) => this.#fail(error.code ?? 'error'),
      )
      .then(() => {
        this.#underWay = null
        this.#flush()
      })
  }

  /** At the end of the process nothing can be waited for. */
  #flushNow(): void {
    if (!this.#isOpen || this.#waiting.length === 0) return
    try {
      const bytes = this.#take()
      if (bytes !== null) this.#writtenBytes += writeAll(this.#fd, bytes)
    } catch (error) {
      this.#fail((error as NodeJS.ErrnoException).code ?? 'error')
    }
  }

  #fail(reason: string): void {
    this.#end()
    this.#options.onEnd(reason)
  }

  #end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#waiting = []
    if (this.#timer !== null) clearTimeout(this.#timer)
    process.removeListener('exit', this.#onExit)
    closeSync(this.#fd)
  }
}

function writeAll(fd: number, bytes: Uint8Array): number {
  let at = 0
  while (at < bytes.length) at += writeSync(fd, bytes, at)
  return at
}

/** A disk that fills up takes a part first: what is left fails then. */
function writeBehind(fd: number, bytes: Uint8Array, at = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, at, (error, written) => {
      if (error !== null) reject(error)
      else if (at + written === bytes.length) resolve(bytes.length)
      else resolve(writeBehind(fd, bytes, at + written))
    })
  })
}
