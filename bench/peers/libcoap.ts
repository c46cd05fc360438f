/** libcoap's example server on DTLS 1.2 with a pre-shared key (OpenSSL). It looks sessions up one after the other. */

import { PSK } from './links/dtls.js'
import type { Peer } from './peer.js'
import { startServer, versionText } from './program.js'
import { coap } from './speech/coap.js'

export const libcoapDtls: Peer = {
  name: 'libcoap-dtls',
  install: 'Debian package libcoap3-bin',
  transport: 'dtls',
  version: () => /v(\d+\.\d+\.\d+)/.exec(versionText('coap-server-openssl', '-?') ?? '')?.[1] ?? null,
  start: async ({ port, core }) => {
    // DTLS is on the port after the one that it is told.
    const words = ['coap-server-openssl', '-A', '127.0.0.1', '-p', String(port - 1), '-k', PSK, '-v', '0']
    return await startServer(words, { port, transport: 'udp', core })
  },
  speech: coap,
}
