import { type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import { type DestinationStream, type Logger, pino } from 'pino'

/**
 * The sidecar's logger: JSON lines. Nothing that came from outside is ever logged but the method, and that only if it is
 * a known one: no address, no path, no query, no header, no body. A route is named by its pattern.
 *
 * @param level  pino's level, or 'silent'.
 * @param stream where to; a file descriptor is written to without the main thread.
 */
export function sidecarLog(level: string, stream: DestinationStream): Logger {
  return pino({ level, base: { part: 'sidecar' }, serializers: { err: shownError, req: hidden, res: hidden } }, stream)
}

/** An error without its message, which may quote what the caller sent. */
export function shownError(error: unknown): { name: string; code: string | null; at: string[] } {
  if (!(error instanceof Error)) return { name: typeof error, code: null, at: [] }
  const code = (error as { code?: unknown }).code
  const { stack = '', message } = error
  const frames = stack.includes(message) ? stack.slice(stack.indexOf(message) + message.length) : ''
  const lines = frames.split('\n').map((line) => line.trim())
  const at = lines.filter((line) => line.startsWith('at '))
  return { name: error.name, code: typeof code === 'string' ? code : null, at: at.slice(0, 10) }
}

function hidden(): undefined {
  return undefined
}

/** Replaces Fastify's own log lines, some of which hold paths and messages. */
export class QuietLog extends LogController {
  constructor() {
    super({ requestIdLogLabel: 'requestId' })
  }

  override incomingRequest(): void {}

  override requestCompleted(_error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const { method, url } = request.routeOptions
    reply.log.info(
      {
        method: typeof method === 'string' ? method : null,
        route: url ?? null,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        app: request.caller?.app ?? null,
      },
      'request',
    )
  }

  override defaultErrorLog(error: Error, request: FastifyRequest): void {
    request.log.error({ err: error }, 'request failed')
  }

  override streamError(error: Error, request: FastifyRequest): void {
    request.log.info({ err: error }, 'answer cut short')
  }

  override routeNotFound(): void {}

  override writeHeadError(error: Error, request: FastifyRequest): void {
    request.log.warn({ err: error }, 'head not written')
  }

  override serializerError(error: Error, request: FastifyRequest): void {
    request.log.error({ err: error }, 'answer not serialised')
  }

  override serviceUnavailable(): void {}
}
