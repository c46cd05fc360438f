/** Node's `ws` behind `node:https`: what most would build instead. The server is `ws-process.ts`. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Peer } from './peer.js'
import { nodeWords, startServer } from './program.js'
import { ws } from './speech/ws.js'

const SERVER = fileURLToPath(new URL('ws-process.js', import.meta.url))

export const wsTls: Peer = {
  name: 'ws-tls',
  install: 'npm package ws',
  transport: 'tls',
  version: () => (createRequire(import.meta.url)('ws/package.json') as { version: string }).version,
  start: async ({ port, certificate, core }) => {
    const words = nodeWords(SERVER, String(port), certificate.certFile, certificate.keyFile)
    return await startServer(words, { port, transport: 'tcp', core })
  },
  speech: ws,
}
