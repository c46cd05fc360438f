import { ADDRESS_BYTES } from '../base/address.js'
import { Queue } from '../base/queue.js'
import type { EndpointEvent, EndpointStoreRequest, HandOver, Transmit } from './message.js'
import type { Watch } from './watch.js'

/** What the endpoint wants done, in order, until the driver polls it. */
export class Outbox {
  readonly transmits = new Queue<Transmit>()
  readonly events = new Queue<EndpointEvent>()
  readonly requests = new Queue<EndpointStoreRequest>()
  readonly closes = new Queue<Uint8Array>()
  readonly handOvers = new Queue<HandOver>()
  /** Told of datagrams and events; null: nobody watches. */
  watch: Watch | null = null

  /**
   * @param bytes  a datagram, kept.
   * @param remote 18 B, copied.
   */
  transmit(bytes: Uint8Array, remote: Uint8Array): void {
    if (this.watch !== null) this.watch.sent(bytes, remote)
    this.transmits.push({ remote: remote.slice(0, ADDRESS_BYTES), bytes })
  }

  event(event: EndpointEvent): void {
    if (this.watch !== null) this.watch.event(event)
    this.events.push(event)
  }

  request(request: EndpointStoreRequest): void {
    this.requests.push(request)
  }

  /** @param connection 18 B, kept. */
  close(connection: Uint8Array): void {
    this.closes.push(connection)
  }
}
