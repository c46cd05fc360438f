/** What the main thread and the workers of the channel tell each other. */
import type { Share } from '../endpoint/config.js'
import type {
  DeviceHandle,
  EndpointCommand,
  EndpointEvent,
  EndpointStoreReply,
  EndpointStoreRequest,
  HandOver,
  Transmit,
} from '../endpoint/message.js'
import type { DevicePart } from '../store/parts.js'
import type { EndpointNumbers, EndpointSettings, LoadedSessions } from './endpoints.js'
import type { UdpOptions } from './udp-socket.js'

/** What a worker is started with. */
export interface WorkerInput {
  settings: EndpointSettings
  share: Share
  crypto: 'native' | 'noble'
  /** of the main thread, see `threadStartMs` */
  mainStartMs: number
}

/** Questions, and what their answers are. */
export interface Answers {
  load: { ask: { part: DevicePart }; answer: LoadedSessions }
  'open-udp': { ask: { options: Omit<UdpOptions, 'onDatagram'> }; answer: null }
  silence: { ask: { device: DeviceHandle }; answer: number }
  numbers: { ask: object; answer: Omit<EndpointNumbers, 'dropped'> }
  /** the last one; its answer comes after all news */
  stop: { ask: object; answer: null }
}

/** One question. */
export type Question = { [Kind in keyof Answers]: { kind: Kind } & Answers[Kind]['ask'] }[keyof Answers]

/** Main thread -> worker; several are posted together, in their order. */
export type ToWorker =
  /** a batch of `DatagramPipe`, by address */
  | { kind: 'datagrams'; batch: Uint8Array }
  | { kind: 'command'; command: EndpointCommand }
  | { kind: 'stored'; reply: EndpointStoreReply }
  | { kind: 'path-closed'; remote: Uint8Array }
  | { kind: 'hand-over'; handOver: HandOver }
  | { kind: 'ask'; id: number; question: Question }

/** What a worker has for the main thread, each in its order. */
export interface News {
  events: EndpointEvent[]
  requests: EndpointStoreRequest[]
  /** for WebSockets, and what only the main thread's sockets can send */
  transmits: Transmit[]
  closes: Uint8Array[]
  handOvers: HandOver[]
  /** parts of devices that something waits for */
  wanted: number[]
  /** datagrams that came in at a socket of this worker */
  strays: Transmit[]
  /** datagrams that were taken of those that the main thread sent */
  taken: number
}

/** Worker -> main thread. */
export type FromWorker =
  | { kind: 'news'; news: News }
  /** `failed`: a sentence about what went wrong, null nothing */
  | { kind: 'answer'; id: number; value: unknown; failed: string | null }
