/** `aedes-process.js PORT CERT KEY`: aedes, an MQTT broker in JavaScript, behind `node:tls`. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:tls'
import { Aedes } from 'aedes'

const [port = '', certFile = '', keyFile = ''] = process.argv.slice(2)
const broker = await Aedes.createBroker()
const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (socket) => {
  // As mosquitto here: else a message waits for the acknowledgement of the last one.
  socket.setNoDelay(true)
  broker.handle(socket)
})
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 })
