import { utf8Length } from '../base/text.js'

/** What an endpoint is told. */
export type EventType =
  | 'presence.changed'
  | 'presence.restarted'
  | 'presence.reset'
  | 'ring.changed'
  | 'ring.ended'
  | 'webhook.test'

/** One event on its way. */
export interface WebhookEvent {
  readonly type: EventType
  /** the same whenever this event is told */
  readonly id: string
  /** PUID or ring, '' for none: of one subject only the last state counts when an hour has passed */
  readonly subject: string
  /** when it happened, Unix ms */
  readonly atMs: number
  /** as it stands in the body */
  readonly json: string
  /** UTF-8 */
  readonly bytes: number
}

/**
 * Makes an event.
 *
 * @param content what stands under `data`; JSON.
 */
export function webhookEvent(
  type: EventType,
  id: string,
  subject: string,
  atMs: number,
  content: object,
): WebhookEvent {
  const json = JSON.stringify({ id, type, timestamp: new Date(atMs).toISOString(), data: content })
  return { type, id, subject, atMs, json, bytes: utf8Length(json) }
}

/** Id of a person's change: who and which version. */
export function presenceEventId(puid: string, version: number): string {
  return `presence_${puid}_${version}`
}

/** Id of a ring's outcome: which ring and how it ended, so that a repeat is known for one. */
export function outcomeEventId(ring: string, state: string): string {
  return `ring_${ring}_${state}`
}

/** Bytes of a body around its events. */
const FRAME_BYTES = 128

/** Events of one body. */
export const BATCH_EVENTS_MAX = 20
/** Bytes of one body; Standard Webhooks asks for less than 20 kB. */
export const BATCH_BYTES_MAX = 20_000

/** How many of the first events fit one body; at least 1. */
export function batchSize(events: readonly WebhookEvent[]): number {
  let bytes = FRAME_BYTES
  let size = 0
  while (size < Math.min(events.length, BATCH_EVENTS_MAX)) {
    bytes += (events[size] as WebhookEvent).bytes + 1
    if (bytes > BATCH_BYTES_MAX) break
    size++
  }
  return Math.max(size, 1)
}

/** The body that is sent and signed. @param atMs when the request was made, Unix ms. */
export function bodyOf(events: readonly WebhookEvent[], atMs: number): string {
  const timestamp = new Date(atMs).toISOString()
  return `{"type":"events","timestamp":"${timestamp}","data":[${events.map(({ json }) => json).join(',')}]}`
}
