/** Calls over a unix socket: `{id, method, params}` is answered by `{id, result}` or `{id, error: {code, message, hint}}`. */
import type { Socket } from 'node:net'
import { type JsonLines, jsonLines } from './json-lines.js'
import { ServerError } from './server-error.js'
import { connectUnix, listenUnix, type UnixListener } from './unix-socket.js'

/** Name of the running server's socket in its folder. */
export const ADMIN_SOCKET = 'pilotlight.sock'

/** Parameters of a call, not yet checked. */
export type Params = Record<string, unknown>

/** What can be called, by name. */
export type Methods = Record<string, (params: Params) => Promise<unknown>>

/** One caller. */
export interface Caller {
  /** Sends it a line of its own, outside the answers. */
  tell(value: unknown): void
  onClose(closed: () => void): void
}

/** A failure as the other side told it. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly code: string
  readonly hint: string

  constructor(code: string, message: string, hint = '') {
    super(message)
    this.code = code
    this.hint = hint
  }
}

/**
 * Answers calls on a unix socket of mode 0600.
 *
 * @param methodsFor makes the methods of one caller; calls wait for them.
 * @throws ServerError PL_SOCKET_TAKEN, PL_SOCKET_PATH.
 */
export function serveCalls(
  file: string,
  methodsFor: (caller: Caller) => Methods | Promise<Methods>,
): Promise<UnixListener> {
  return listenUnix(file, (socket) => {
    const lines = jsonLines(socket, (value) => void answer(lines, methods, value))
    const methods = methodsFor({
      tell: (value) => lines.send(value),
      onClose: (closed) => void socket.once('close', closed),
    })
  })
}

async function answer(lines: JsonLines, offered: Methods | Promise<Methods>, value: unknown): Promise<void> {
  const { id, method, params } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  try {
    const methods = await offered
    const called = typeof method === 'string' && Object.hasOwn(methods, method) ? methods[method] : undefined
    if (called === undefined) throw new ServerError('PL_UNKNOWN_METHOD')
    lines.send({ id, result: (await called(asParams(params))) ?? null })
  } catch (error) {
    lines.send({ id, error: errorOf(error) })
  }
}

function asParams(params: unknown): Params {
  return typeof params === 'object' && params !== null ? (params as Params) : {}
}

function errorOf(thrown: unknown): { code: string; message: string; hint: string } {
  const { code, message, hint } = thrown as { code?: unknown; message?: unknown; hint?: unknown }
  return {
    code: typeof code === 'string' ? code : 'PL_INTERNAL',
    message: typeof message === 'string' ? message : String(thrown),
    hint: typeof hint === 'string' ? hint : '',
  }
}

/** The caller's side. */
export interface CallClient {
  /** @throws CallError as the other side told it; ServerError PL_CONNECTION_LOST. */
  call(method: string, params?: Params): Promise<unknown>
  close(): void
}

/**
 * Connects to a socket of calls.
 *
 * @param onTold gets lines that are no answers.
 * @returns null if nobody listens there.
 */
export async function connectCalls(
  file: string,
  onTold: (value: unknown) => void = () => {},
): Promise<CallClient | null> {
  const socket = await connectUnix(file)
  return socket === null ? null : callClient(socket, onTold)
}

function callClient(socket: Socket, onTold: (value: unknown) => void): CallClient {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let lastId = 0
  const lines = jsonLines(socket, (value) => {
    const { id, result, error } = (value ?? {}) as { id?: unknown; result?: unknown; error?: Params }
    const call = typeof id === 'number' ? waiting.get(id) : undefined
    if (call === undefined) return onTold(value)
    waiting.delete(id as number)
    if (error === undefined) call.resolve(result)
    else call.reject(new CallError(String(error['code']), String(error['message']), String(error['hint'] ?? '')))
  })
  const lost = () => {
    for (const call of waiting.values()) call.reject(new ServerError('PL_CONNECTION_LOST'))
    waiting.clear()
  }
  socket.once('close', lost)
  socket.on('error', () => socket.destroy())
  return {
    call(method, params = {}) {
      if (socket.destroyed) return Promise.reject(new ServerError('PL_CONNECTION_LOST'))
      lastId++
      const id = lastId
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        lines.send({ id, method, params })
      })
    },
    close: () => socket.destroy(),
  }
}
