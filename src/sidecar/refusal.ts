/** Answers to what never becomes a request of the application, or cannot stay one: written to the socket by hand. */
import { randomUUID } from 'node:crypto'
import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { PROBLEM_TYPE, type ProblemCode, problemDocument } from './problem.js'

/** How long a client that was refused may take to read why. */
const FAREWELL_MS = 2000

/** Writes a problem document as the last answer on a connection, and closes it when the client has had time to read. */
export function refuseSocket(
  socket: Duplex,
  code: ProblemCode,
  detail = '',
  headers: Readonly<Record<string, string>> = {},
): void {
  const requestId = randomUUID()
  const document = problemDocument(code, detail, requestId)
  const body = JSON.stringify(document)
  const fields = {
    'request-id': requestId,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
    'content-type': PROBLEM_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.on('error', () => socket.destroy())
  const cut = setTimeout(() => socket.destroy(), FAREWELL_MS)
  socket.once('close', () => clearTimeout(cut))
  // What still comes is read and thrown away: bytes left unread would make the kernel reset the answer away.
  socket.resume()
  socket.end(`HTTP/1.1 ${document.status} ${STATUS_CODES[document.status]}\r\n${head.join('')}\r\n${body}`)
}

/**
 * Answers what is not HTTP, too large or too slow; there is no request object then.
 *
 * @param error    as node's server tells it.
 * @param response of the last request on this connection, if there was one: an answer that has begun is cut, as no
 *   second one may stand in it.
 */
export function refuseConnection(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  response: ServerResponse | undefined,
): void {
  const isAnswering = response?.headersSent === true && !response.writableFinished
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering) {
    socket.destroy()
    return
  }
  let code: ProblemCode = 'bad-http'
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') code = 'request-timeout'
  if (error.code === 'HPE_HEADER_OVERFLOW') code = 'headers-too-large'
  refuseSocket(socket, code)
}
