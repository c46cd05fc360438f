import { isSigned } from '../webhook/signature.js'
import type { WebhookEvent } from './json.js'

/** Header fields of a request: a record of any case, or what `fetch` and its servers have. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>

/** How far the clocks of server and endpoint may be apart, or how late a copy may come, seconds. Standard Webhooks. */
const TOLERANCE_S = 300

/** A request that was not signed with your secret, or not now. Answer it with 401. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError'
  readonly code: 'bad-headers' | 'bad-time' | 'bad-signature' | 'bad-body'

  /** @param message for people; may change. */
  constructor(code: WebhookError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/**
 * Checks a webhook and gives its events. Drop those whose `id` you have seen, and presence with a `version` that is not above
 * the one you have of that person.
 *
 * @param body    exactly as it came, before any parsing.
 * @param headers of the request.
 * @param secrets `whsec_...`; while you rotate them, both.
 * @param options `nowMs`: your clock; default: the platform's.
 * @throws WebhookError
 */
export function verifyWebhook(
  body: string,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  options: { nowMs?: number } = {},
): WebhookEvent[] {
  const id = header(headers, 'webhook-id')
  const timestamp = Number(header(headers, 'webhook-timestamp') || Number.NaN)
  const signature = header(headers, 'webhook-signature')
  if (id === '' || signature === '' || !Number.isSafeInteger(timestamp)) {
    throw new WebhookError(
      'bad-headers',
      'The headers webhook-id, webhook-timestamp and webhook-signature must be there.',
    )
  }
  const ageS = (options.nowMs ?? Date.now()) / 1000 - timestamp
  if (Math.abs(ageS) > TOLERANCE_S)
    throw new WebhookError('bad-time', 'It was signed too long ago, or a clock is wrong.')
  if (!isSigned(signature, id, timestamp, body, typeof secrets === 'string' ? [secrets] : secrets)) {
    throw new WebhookError('bad-signature', 'It was not signed with one of these secrets.')
  }
  return eventsOf(body)
}

function eventsOf(body: string): WebhookEvent[] {
  try {
    const { data } = JSON.parse(body) as { data: unknown }
    if (Array.isArray(data)) return data as WebhookEvent[]
  } catch {
    // As below.
  }
  throw new WebhookError('bad-body', 'The body is not one of ours.')
}

function header(headers: WebhookHeaders, name: string): string {
  if (typeof headers['get'] === 'function') return (headers as { get(name: string): string | null }).get(name) ?? ''
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() === name) return typeof value === 'string' ? value : (value?.[0] ?? '')
  }
  return ''
}
