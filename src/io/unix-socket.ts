/** Unix sockets for the owner of a folder only: 0600, and what a killed process left behind is replaced. */
import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server as NetServer, type Socket } from 'node:net'
import { relative } from 'node:path'
import { ServerError } from './server-error.js'

/** A listening unix socket. */
export interface UnixListener {
  file: string
  /** Stops listening, ends all connections, removes the file. */
  close(): Promise<void>
}

/** Bytes of a path that every system takes (sockaddr_un has 104 on some). */
export const SOCKET_PATH_BYTES_MAX = 100

/**
 * Listens on a unix socket.
 *
 * @throws ServerError PL_SOCKET_TAKEN if a living process listens there, PL_SOCKET_PATH; the kernel's error (EACCES, ENOENT, ...) otherwise.
 */
export async function listenUnix(file: string, onConnection: (socket: Socket) => void): Promise<UnixListener> {
  const path = shortPath(file)
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new ServerError('PL_SOCKET_PATH', file)
  }
  const living = await connectUnix(file)
  if (living !== null) {
    living.destroy()
    throw new ServerError('PL_SOCKET_TAKEN', file)
  }
  rmSync(file, { force: true })
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  await listenPrivately(server, path)
  return {
    file,
    close() {
      for (const socket of connections) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Errors of `connect` that say that nobody listens; EINVAL: the path is too long for a socket to be there. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'EINVAL'])

/** Connects; null if nobody listens (no file, or one that a dead process left). */
export function connectUnix(file: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(shortPath(file))
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (NOBODY.has(error.code ?? '')) resolve(null)
      else reject(error)
    })
  })
}

/** Sockets have short paths: the relative one where that is shorter. */
function shortPath(file: string): string {
  const near = relative(process.cwd(), file)
  return near.length < file.length ? near : file
}

/** The file is made inside `listen`, so the mask keeps others out from the start. */
function listenPrivately(server: NetServer, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const mask = process.umask(0o177)
    try {
      server.listen(file, () => {
        server.removeListener('error', reject)
        chmodSync(file, 0o600)
        resolve()
      })
    } finally {
      process.umask(mask)
    }
  })
}
