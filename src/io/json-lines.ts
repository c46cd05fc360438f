/** JSON values over a stream, one per line. */
import type { Socket } from 'node:net'

/** The writing side of a connection of JSON lines. */
export interface JsonLines {
  send(value: unknown): void
  /** Ends the connection after what was sent. */
  end(): void
}

/** A peer that sends a longer line, or lets more wait unread, is cut off. */
const LINE_BYTES_MAX = 256 * 1024
const UNREAD_BYTES_MAX = 4 * 1024 * 1024

/**
 * Reads JSON lines from a socket.
 *
 * @param onValue called for each line; a line that is no JSON gives undefined.
 */
export function jsonLines(socket: Socket, onValue: (value: unknown) => void): JsonLines {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') onValue(parseJson(line))
    if (rest.length > LINE_BYTES_MAX) socket.destroy()
  })
  return {
    send(value) {
      if (socket.destroyed) return
      socket.write(`${JSON.stringify(value)}\n`)
      if (socket.writableLength > UNREAD_BYTES_MAX) socket.destroy()
    },
    end() {
      socket.end()
    },
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
