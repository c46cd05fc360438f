import type { Now } from '../base/time.js'
import type { DeviceHandle } from '../endpoint/message.js'
import { splitList } from '../frame/list-parts.js'
import { type ListContext, type Sender, TRANSFER_MS, Transfers } from './list-channel.js'

/** A person's sealed list on its way to their devices. */
interface Read {
  timer: number
  /** number of the request to the store, 0 once answered */
  request: number
  version: number
  /** empty while the store was not heard */
  parts: Uint8Array[]
  /** part that each device asked for last */
  readonly wanted: Map<DeviceHandle, number>
}

/** Hands out the sealed list, part by part: wire-spec [R-10-6]. The store is asked once for all parts. */
export class ListReads {
  readonly #context: ListContext
  readonly #reads: Transfers<Read>
  readonly #requests = new Map<number, { person: number; read: Read }>()

  constructor(context: ListContext) {
    this.#context = context
    this.#reads = new Transfers(context, (_, read) => this.#requests.delete(read.request))
  }

  /** Lists on their way. */
  get size(): number {
    return this.#reads.size
  }

  /** A device wants a part. */
  handleWant(sender: Sender, index: number, now: Now): void {
    const { presence, outbox } = this.#context
    const { person, device } = sender
    let read = this.#reads.get(person)
    if (read === null || (read.request === 0 && read.version !== presence.listVersion(person))) {
      read = { timer: 0, request: outbox.nextRequest(), version: 0, parts: [], wanted: new Map() }
      this.#requests.set(read.request, { person, read })
      outbox.requests.push({ kind: 'get-list', request: read.request, person })
    }
    this.#reads.touch(person, read, now.monotonicMs + TRANSFER_MS)
    if (read.request === 0) this.#send(read, device, index)
    else read.wanted.set(device, index)
  }

  /** The store answered a get-list. @returns whether it was one of ours. */
  handleList(request: number, version: number, sealed: Uint8Array | null): boolean {
    const asked = this.#requests.get(request)
    if (asked === undefined) return false
    this.#requests.delete(request)
    const { read } = asked
    read.request = 0
    read.version = sealed === null ? 0 : version
    read.parts = splitList(sealed ?? new Uint8Array(0))
    for (const [device, index] of read.wanted) this.#send(read, device, index)
    read.wanted.clear()
    return true
  }

  /** The person is gone. */
  forget(person: number): void {
    this.#reads.drop(person)
  }

  #send(read: Read, device: DeviceHandle, index: number): void {
    const part = read.parts[index]
    if (part === undefined) {
      this.#context.count('listPartsIgnored')
      return
    }
    const { version } = read
    const frames = [{ kind: 'list-part', version, index, count: read.parts.length, part } as const]
    this.#context.outbox.commands.push({ kind: 'send', device, frames, untilMonotonicMs: 0 })
  }
}
