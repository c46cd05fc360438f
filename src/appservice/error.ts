import type { ProblemCode } from './json.js'

/** Code of a refusal. A newer server may have others. */
export type ErrorCode = ProblemCode | 'unreachable' | 'timeout' | 'bad-answer' | (string & {})

/** A refusal of the server, or no answer. Match on `code`. */
export class AppServiceError extends Error {
  override readonly name = 'AppServiceError'
  /** Code of the problem document (docs/errors.md); `unreachable`, `timeout` or `bad-answer` if there was none. */
  readonly code: ErrorCode
  /** HTTP status; 0 without an answer. */
  readonly status: number
  /** For the operator's log; '' if there is none. */
  readonly requestId: string
  /** How long the server asked to wait, 0 if it did not. */
  readonly retryAfterMs: number

  /** @param message for people; may change. */
  constructor(
    code: ErrorCode,
    message: string,
    more: { status?: number; requestId?: string; retryAfterMs?: number } = {},
  ) {
    super(message)
    this.code = code
    this.status = more.status ?? 0
    this.requestId = more.requestId ?? ''
    this.retryAfterMs = more.retryAfterMs ?? 0
  }

  /** Whether the same request may succeed later. */
  get mayPass(): boolean {
    return this.code === 'unreachable' || this.status === 408 || this.status === 429 || this.status >= 500
  }
}

/** The refusal in an answer that is not 2xx. */
export async function refusalOf(response: Response): Promise<AppServiceError> {
  const body = (await response.json().catch(() => ({}))) as { code?: unknown; detail?: unknown }
  const code = typeof body.code === 'string' ? body.code : 'bad-answer'
  const detail = typeof body.detail === 'string' ? body.detail : `HTTP status ${response.status}`
  const retryAfterS = Number(response.headers.get('retry-after') ?? 0)
  return new AppServiceError(code, detail, {
    status: response.status,
    requestId: response.headers.get('request-id') ?? '',
    retryAfterMs: Number.isFinite(retryAfterS) ? retryAfterS * 1000 : 0,
  })
}
