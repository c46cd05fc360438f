/** The thread of one worker of the channel. Started by `worker-link.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.js'
import { nobleCrypto } from '../crypto/noble.js'
import { nativeCrypto } from '../native/crypto-native.js'
import { EndpointWorker } from './endpoint-worker.js'
import type { FromWorker, ToWorker, WorkerInput } from './worker-message.js'

const port = parentPort
assert(port !== null, 'worker.ts runs as a thread')
const input = workerData as WorkerInput
const crypto = input.crypto === 'noble' ? nobleCrypto : await nativeCrypto()
const worker = new EndpointWorker(crypto, input, {
  post: (message: FromWorker) => port.postMessage(message),
  ended: () => port.close(),
})
port.on('message', (messages: ToWorker[]) => {
  for (const message of messages) worker.take(message)
})
