/** aedes, an MQTT broker for Node, behind `node:tls`. The server is `aedes-process.ts`. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Peer } from './peer.js'
import { nodeWords, startServer } from './program.js'
import { mqtt } from './speech/mqtt.js'

const SERVER = fileURLToPath(new URL('aedes-process.js', import.meta.url))

export const aedesTls: Peer = {
  name: 'aedes-tls',
  install: 'npm package aedes',
  transport: 'tls',
  version: () => {
    // The package exports its code alone.
    const file = new URL('package.json', pathToFileURL(createRequire(import.meta.url).resolve('aedes')))
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  },
  start: async ({ port, certificate, core }) => {
    const words = nodeWords(SERVER, String(port), certificate.certFile, certificate.keyFile)
    return await startServer(words, { port, transport: 'tcp', core })
  },
  speech: mqtt,
}
