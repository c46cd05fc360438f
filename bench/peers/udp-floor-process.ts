/** `udp-floor-process.js PORT`: opens each ping and answers it, all under one key. No sessions, no connection IDs, no timers. */
import { createSocket } from 'node:dgram'
import { nativeCrypto } from '../../src/native/crypto-native.js'
import { FLOOR_KEY, FLOOR_NONCE, PING_HEADER_BYTES, PONG_HEADER_BYTES } from './speech/floor.js'

const crypto = await nativeCrypto()
const header = new Uint8Array(PONG_HEADER_BYTES)
const socket = createSocket({
  type: 'udp4',
  // As our own server does: an address that is a literal costs no turn of the event loop.
  lookup: (address, _options, done) => done(null, address, 4),
})
socket.on('message', (ping, { port, address }) => {
  const aad = ping.subarray(0, PING_HEADER_BYTES)
  const state = crypto.open(FLOOR_KEY, FLOOR_NONCE, aad, ping.subarray(PING_HEADER_BYTES))
  if (state === null) return
  const pong = Buffer.allocUnsafe(PONG_HEADER_BYTES + state.length + 16)
  pong.set(header)
  pong.set(crypto.seal(FLOOR_KEY, FLOOR_NONCE, header, state), PONG_HEADER_BYTES)
  socket.send(pong, port, address)
})
socket.bind(Number(process.argv[2]), '127.0.0.1', () => {
  socket.setRecvBufferSize(4 * 2 ** 20)
})
