/** What the loop runs: the doors of the core, and where what comes out of it goes. */
import type { Now } from '../base/time.js'
import type {
  EndpointCommand,
  EndpointEvent,
  EndpointStoreReply,
  EndpointStoreRequest,
  HandOver,
  Transmit,
} from '../endpoint/message.js'
import type { HubReply, HubRequest, HubStoreReply, HubStoreRequest } from '../hub/message.js'

/** The doors of the endpoint that the loop uses. */
export interface EndpointDoors {
  handleDatagram(bytes: Uint8Array, remote: Uint8Array, now: Now): void
  /** false: the datagram cannot wait */
  postpone(bytes: Uint8Array, remote: Uint8Array): boolean
  /** whether more waits */
  handlePostponed(now: Now): boolean
  handlePathClosed(remote: Uint8Array): void
  handleCommand(command: EndpointCommand, now: Now): void
  handleStored(reply: EndpointStoreReply, now: Now): void
  handleHandOver(handOver: HandOver, now: Now): void
  handleTimeout(now: Now): void
  /** monotonic ms, Infinity for none */
  nextTimeout(): number
  pollTransmit(): Transmit | null
  pollEvent(): EndpointEvent | null
  pollStore(): EndpointStoreRequest | null
  /** 18 B */
  pollClose(): Uint8Array | null
  pollHandOver(): HandOver | null
  /** a part of devices that something waits for */
  pollWanted(): number | null
}

/** The doors of the hub that the loop uses. */
export interface HubDoors {
  handleEvent(event: EndpointEvent, now: Now): void
  handleRequest(request: HubRequest, now: Now): void
  handleStored(reply: HubStoreReply, now: Now): void
  handleTimeout(now: Now): void
  /** monotonic ms, Infinity for none */
  nextTimeout(): number
  pollCommand(): EndpointCommand | null
  pollReply(): HubReply | null
  pollStore(): HubStoreRequest | null
  /** a part of devices that something waits for */
  pollWanted(): number | null
}

/** What the loop runs and where it puts what comes out. */
export interface DriverParts {
  endpoint: EndpointDoors
  hub: HubDoors
  store: {
    endpoint(request: EndpointStoreRequest): Promise<EndpointStoreReply | null>
    hub(request: HubStoreRequest): Promise<HubStoreReply | null>
  }
  now: () => Now
  /** both arguments are borrowed */
  send(bytes: Uint8Array, remote: Uint8Array): void
  /** closes a connection; `remote` is its address */
  close(remote: Uint8Array): void
  /** gives a message 1 to the endpoint that serves its device */
  handOver(handOver: HandOver): void
  reply(reply: HubReply): void
  /** a part of devices is to be loaded before others */
  want(part: number): void
  /** datagrams of one turn of the event loop after which more may wait; default `FULL_TURN` */
  fullTurn?: number
  /** monotonic ms with a fraction, by which slices of work are measured; default `performance.now` */
  clockMs?: () => number
  /** a store request failed; the loop goes on */
  onStoreError(kind: string, error: unknown): void
}
