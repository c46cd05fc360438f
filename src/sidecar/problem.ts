import type { LimitState } from '../hub/message.js'
import { type SchemaError, validationDetail } from './validation-detail.js'

/** What one kind of refusal says. */
interface ProblemRow {
  readonly status: number
  /** One sentence without a full stop; the same for every occurrence (RFC 9457 §3.1.4). */
  readonly title: string
  /** What the caller can do. */
  readonly hint: string
}

/**
 * Every refusal of the HTTP API by its stable code. Codes are never reused or renamed; `docs/errors.md` is checked
 * against this table.
 */
export const PROBLEMS = {
  'malformed-json': {
    status: 400,
    title: 'The body is not JSON in UTF-8',
    hint: 'Send one JSON object, encoded in UTF-8, without `__proto__` or `constructor.prototype` keys.',
  },
  'invalid-request': {
    status: 400,
    title: 'The request does not fit its schema',
    hint: 'See `detail` for the field, and the OpenAPI document for its schema. Types are not converted and unknown fields are refused.',
  },
  'ring-invalid': {
    status: 400,
    title: 'The ring cannot be sent as it is',
    hint: 'See `detail`.',
  },
  'webhook-invalid': {
    status: 400,
    title: 'The webhook cannot be set as it is',
    hint: 'See `detail`. The endpoint needs https and a public address, unless the operator allows others.',
  },
  'bad-http': {
    status: 400,
    title: 'Not a well-formed HTTP request',
    hint: 'Use an HTTP/1.1 client; check the request line, Host, Content-Length and the other header fields.',
  },
  'bad-upgrade': {
    status: 400,
    title: 'Not an upgrade to the channel',
    hint: 'Use a WebSocket client (RFC 6455) that offers the subprotocol `pilotlight.1`.',
  },
  'unknown-client': {
    status: 400,
    title: 'There is no such application',
    hint: 'Check `client_id`: it is the id of the application, `app_...`. Nobody is redirected.',
  },
  'redirect-uri-mismatch': {
    status: 400,
    title: 'Not a redirect URI of this application',
    hint: 'Register the URI; it is compared character by character, only the port of a loopback address may differ. Nobody is redirected.',
  },
  'invalid-grant': {
    status: 400,
    title: 'The code cannot be exchanged',
    hint: 'Start again. A wrong, a used and an old code, another redirect URI and a wrong verifier look the same.',
  },
  'unsupported-grant-type': {
    status: 400,
    title: 'Only authorization codes can be exchanged',
    hint: 'Send `grant_type=authorization_code`.',
  },
  unauthorized: {
    status: 401,
    title: 'No valid API key',
    hint: 'Send `Authorization: Bearer pl_...` with a live key of your application. A wrong, an old and a missing key look the same.',
  },
  'not-signed-in': {
    status: 401,
    title: 'No valid session',
    hint: 'Sign in with `POST /v1/sessions` and send `Authorization: Bearer pls_...`. A wrong, an old and a missing token look the same.',
  },
  'invalid-client': {
    status: 401,
    title: 'The application is not who it says',
    hint: 'Send a live API key of the application as client secret, or none.',
  },
  'missing-scope': {
    status: 403,
    title: 'The API key may not do this',
    hint: 'Use a key with the scope that `detail` names.',
  },
  'not-a-test-key': {
    status: 403,
    title: 'Only for test keys',
    hint: 'Use a key that begins with `pl_test_`.',
  },
  'not-a-live-key': {
    status: 403,
    title: 'Only for live keys',
    hint: 'Use a key that begins with `pl_live_`.',
  },
  'domain-unverified': {
    status: 403,
    title: 'The domain of the application is not verified',
    hint: 'The developer sets a domain and asks for its check; until then only the developer can consent.',
  },
  'https-required': {
    status: 403,
    title: 'The request needs HTTPS',
    hint: "Use https, or connect from the server's own machine. Behind a proxy that ends TLS: list it as a trusted proxy and let it set X-Forwarded-Proto.",
  },
  'bad-code': {
    status: 403,
    title: 'The enrolment code is not valid',
    hint: 'Ask for a new code. A wrong, a used and an expired code look the same.',
  },
  'sign-in-failed': {
    status: 403,
    title: 'The sign-in at the provider did not succeed',
    hint: 'Begin again at `/sign-in`. An answer that is forged, used or too old looks the same.',
  },
  'form-refused': {
    status: 403,
    title: 'The form is too old, or came from another site',
    hint: 'Go back, load the page again, and send the form from there.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such resource',
    hint: 'Check the path against the OpenAPI document.',
  },
  'unknown-device-handle': {
    status: 404,
    title: 'Not a device handle of this application, or expired',
    hint: 'A handle counts for 10 minutes after the accept that gave it. Ring the person.',
  },
  'unknown-puid': {
    status: 404,
    title: 'Not a PUID of this application',
    hint: 'Check that the PUID was made for this application. Every PUID that was not looks the same.',
  },
  'unknown-ring': {
    status: 404,
    title: 'Not a ring of this application',
    hint: 'Check the id. Rings can be read for 24 hours at most.',
  },
  'unknown-app': {
    status: 404,
    title: 'Not an application of yours',
    hint: 'Check the id against `GET /v1/apps`.',
  },
  'unknown-device': {
    status: 404,
    title: 'Not a device of yours',
    hint: 'It may be removed already; look at the list again.',
  },
  'unknown-key': {
    status: 404,
    title: 'Not an API key of this application',
    hint: 'Check the id against the application.',
  },
  'unknown-session': {
    status: 404,
    title: 'Not a session of yours',
    hint: 'Check the id against `GET /v1/sessions`.',
  },
  'unknown-webhook': {
    status: 404,
    title: 'Your application has no webhook endpoint',
    hint: 'Set one with PUT /v1/webhook.',
  },
  'unknown-delivery': {
    status: 404,
    title: 'Not a delivery of this application',
    hint: 'The last hundred are remembered, in memory only; one can be sent again while the webhook is on.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The resource has no such method',
    hint: 'See the header Allow.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request came too slowly',
    hint: 'Send it again, at once and whole.',
  },
  'key-taken': {
    status: 409,
    title: 'The public key is enrolled already',
    hint: 'Make a new key pair for the device.',
  },
  'idempotency-conflict': {
    status: 409,
    title: 'The idempotency key was used for another ring',
    hint: 'Use a new key for each ring, and the same only to repeat a request.',
  },
  'ring-ended': {
    status: 409,
    title: 'The ring has ended',
    hint: 'Read the ring to see how.',
  },
  'domain-not-shown': {
    status: 409,
    title: 'The domain does not name the application',
    hint: 'See `detail`; serve `/.well-known/pilotlight-app.json`, or set the DNS TXT record.',
  },
  'too-many-apps': {
    status: 409,
    title: 'You have as many applications as one developer may have',
    hint: 'Remove one.',
  },
  'body-too-large': {
    status: 413,
    title: 'The body is too large',
    hint: 'Split the request.',
  },
  'ring-too-large': {
    status: 413,
    title: 'The ring is too large',
    hint: 'Title, body, URL and payload together may have 1,100 B encoded; put the rest behind the URL.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The body must be application/json',
    hint: 'Send `Content-Type: application/json` and no Content-Encoding.',
  },
  'expectation-failed': {
    status: 417,
    title: 'The header Expect asks for what is not known',
    hint: 'Send no Expect, or `100-continue`.',
  },
  'upgrade-required': {
    status: 426,
    title: 'The resource is a WebSocket',
    hint: 'It is for devices: open it as a WebSocket (RFC 6455) with the subprotocol `pilotlight.1`.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    hint: 'Wait as the header Retry-After says; RateLimit tells what is left.',
  },
  'too-many-streams': {
    status: 429,
    title: 'Too many open streams',
    hint: 'Close a stream, or share one among your processes. Streams count for each application and for each address.',
  },
  'too-many-channels': {
    status: 429,
    title: 'Too many open channels from this address',
    hint: 'Close some. Behind a proxy: list it as a trusted proxy and let it set X-Forwarded-For.',
  },
  'too-many-connections': {
    status: 429,
    title: 'Too many open connections from this address',
    hint: 'Use connections again instead of opening more. Behind a proxy: list it as a trusted proxy and let it set X-Forwarded-For.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The head of the request is too large',
    hint: 'Keep the request line and header fields together below 16 KiB; ask for many PUIDs by POST.',
  },
  internal: {
    status: 500,
    title: 'The server made a mistake',
    hint: 'Tell the operator the request id; it is in the log.',
  },
  unavailable: {
    status: 503,
    title: 'The server cannot answer now',
    hint: 'Try again after Retry-After; a ring with the same idempotency key.',
  },
  full: {
    status: 503,
    title: 'The server has no room for another device',
    hint: 'Tell the operator.',
  },
} as const satisfies Record<string, ProblemRow>

/** A stable code such as `unknown-puid`. */
export type ProblemCode = keyof typeof PROBLEMS

/** Media type of every error, RFC 9457 §3. */
export const PROBLEM_TYPE = 'application/problem+json'

/** The body of every error, RFC 9457. */
export interface ProblemDocument {
  /** `/errors#<code>`, relative to this server */
  type: string
  title: string
  status: number
  /** what is wrong this time; never repeats what the caller sent */
  detail: string
  code: ProblemCode
  /** id of the request, as in the header `request-id` and in the log */
  instance: string
}

/** A refusal on its way to the error handler. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly detail: string
  readonly headers: Record<string, string>
  readonly limits: readonly LimitState[]

  /**
   * @param code    row of the table.
   * @param detail  what is wrong this time, without anything that the caller sent; the title if empty.
   * @param headers further header fields of the answer.
   * @param limits  what is left of limits, for header fields too.
   */
  constructor(
    code: ProblemCode,
    detail = '',
    headers: Record<string, string> = {},
    limits: readonly LimitState[] = [],
  ) {
    super(code)
    this.code = code
    this.detail = detail
    this.headers = headers
    this.limits = limits
  }
}

/** The document of one refusal. */
export function problemDocument(code: ProblemCode, detail: string, requestId: string): ProblemDocument {
  const { title, status } = PROBLEMS[code]
  return {
    type: `/errors#${code}`,
    title,
    status,
    detail: detail === '' ? `${title}.` : detail,
    code,
    instance: `urn:uuid:${requestId}`,
  }
}

/** Codes of Fastify for a caller's mistake; every other error is ours. */
const FASTIFY_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_VALIDATION: 'invalid-request',
  FST_ERR_BAD_URL: 'bad-http',
  FST_ERR_MAX_PARAM_LENGTH: 'not-found',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed-json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed-json',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-http',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: 'unsupported-media-type',
}

interface AnyError {
  code?: unknown
  message?: unknown
  validation?: SchemaError[]
  validationContext?: string
}

/** Whatever was thrown, as a refusal. `internal` for all that is not known to be the caller's mistake. */
export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as AnyError
  if (error.code === 'ECONNRESET' || error.code === 'ECONNABORTED') return new Problem('bad-http')
  const code = typeof error.code === 'string' ? FASTIFY_CODES[error.code] : undefined
  if (code === undefined) return new Problem('internal')
  return new Problem(code, code === 'invalid-request' ? detailOf(error) : '')
}

function detailOf({ validation = [], validationContext = 'request' }: AnyError): string {
  return validationDetail(validationContext, validation)
}
