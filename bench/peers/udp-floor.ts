/**
 * No peer but a floor: what Node takes for a datagram that is opened, and one that is sealed and sent, by the crypto that our
 * server has and with packets as long as ours. The server is `udp-floor-process.ts`.
 */
import { fileURLToPath } from 'node:url'
import type { Peer } from './peer.js'
import { nodeWords, startServer } from './program.js'
import { floor } from './speech/floor.js'

const SERVER = fileURLToPath(new URL('udp-floor-process.js', import.meta.url))

export const udpFloor: Peer = {
  name: 'node-udp-floor',
  install: 'Node',
  transport: 'udp',
  version: () => process.versions.node,
  start: async ({ port, core }) => await startServer(nodeWords(SERVER, String(port)), { port, transport: 'udp', core }),
  speech: floor,
}
