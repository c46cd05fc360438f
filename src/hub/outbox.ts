import { Queue } from '../base/queue.js'
import type { EndpointCommand } from '../endpoint/message.js'
import type { HubReply, HubStoreRequest } from './message.js'

/** What waits to be polled from the hub. */
export class Outbox {
  /** To the endpoint that the device's handle names. */
  readonly commands = new Queue<EndpointCommand>()
  /** To who asked. */
  readonly replies = new Queue<HubReply>()
  /** To the store. */
  readonly requests = new Queue<HubStoreRequest>()
  #lastRequest = 0

  /** A number for a request to the store. */
  nextRequest(): number {
    return ++this.#lastRequest
  }
}
