/** `ws-process.js PORT CERT KEY`: a WebSocket server on TLS that answers pings and hands messages from client to client. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { type WebSocket, WebSocketServer } from 'ws'

/** Digits of a client's number in a message. */
const DIGITS = 7

const [port = '', certFile = '', keyFile = ''] = process.argv.slice(2)
const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) })
const clients = new Map<string, WebSocket>()

new WebSocketServer({ server, perMessageDeflate: false, skipUTF8Validation: true }).on('connection', (client) => {
  client.on('error', () => client.terminate())
  client.on('message', (message: Buffer) => {
    const text = message.toString('latin1', 0, DIGITS + 'join '.length)
    if (text.startsWith('join ')) {
      clients.set(text.slice('join '.length), client)
      client.send(Buffer.from('joined'))
    } else clients.get(text.slice(0, DIGITS))?.send(message.subarray(DIGITS))
  })
})
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 })
