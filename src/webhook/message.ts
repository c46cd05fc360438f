/** What the outbox and the part that sends tell each other: plain records that cross threads by structured clone. */
import type { WebhookEvent } from './event.js'

/** One request to an endpoint. Its time and signatures are made when it is sent. */
export interface Send {
  /** names it for its result */
  number: number
  url: string
  /** each signs */
  secrets: string[]
  /** `webhook-id` */
  id: string
  body: string
}

/** Why a request counts as failed; '' it was answered with 2xx. */
export type SendFailure =
  | ''
  | 'status'
  | 'gone'
  | 'redirect'
  | 'timeout'
  | 'dns'
  | 'private-address'
  | 'tls'
  | 'connection'
  | 'interrupted'

/** What became of a request. */
export interface SendResult {
  number: number
  /** HTTP status, 0 without an answer */
  status: number
  failure: SendFailure
  /** how long the endpoint asked to wait, 0 it did not */
  retryAfterMs: number
  latencyMs: number
}

/** One try of a delivery. */
export interface Attempt {
  atMs: number
  status: number
  failure: SendFailure
  latencyMs: number
}

/** What the log says of a message. */
export interface Delivery {
  id: string
  webhookId: string
  types: string[]
  createdMs: number
  state: 'waiting' | 'delivered' | 'failed'
  /** the last ones */
  attempts: Attempt[]
  /** when it is tried again, Unix ms; 0 it is not */
  nextMs: number
}

/** A message of an endpoint: events that go out together, until it is delivered or given up. */
export interface Message {
  /** `webhook-id` */
  readonly id: string
  readonly kind: 'changes' | 'outcome' | 'replay' | 'test'
  readonly events: readonly WebhookEvent[]
  /** when the oldest of its events happened, monotonic ms */
  readonly bornMs: number
  attempts: number
  /** not before, monotonic ms */
  nextMs: number
  /** null until it is tried */
  delivery: Delivery | null
}
