import type { EndpointCommand } from '../endpoint/message.js'
import type { HubReply, HubStoreRequest } from './message.js'

/** First in, first out. */
export class Queue<T> {
  #items: T[] = []
  #first = 0

  /** Items that wait. */
  get length(): number {
    return this.#items.length - this.#first
  }

  /** Appends. */
  push(item: T): void {
    this.#items.push(item)
  }

  /** Takes the first item, or null. */
  shift(): T | null {
    if (this.#first === this.#items.length) return null
    const item = this.#items[this.#first] as T
    this.#items[this.#first++] = undefined as T
    if (this.#first === this.#items.length) {
      this.#items = []
      this.#first = 0
    }
    return item
  }
}

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
