import t from 'tap'
import { type DgramShapedSocket, DgramShapedTransport } from '../../src/client/dgram-shaped-transport.js'

type Listener = (...args: never[]) => void

/** As react-native-udp 4: throws when it is used after its end. */
class FakeSocket implements DgramShapedSocket {
  readonly type: string
  readonly sent: { text: string; port: number; address: string }[] = []
  readonly #listeners = new Map<string, Listener>()
  isClosed = false
  isBound = false

  constructor(type: string) {
    this.type = type
  }
  bind(port: number): void {
    this.isBound = port === 0
  }
  send(bytes: Uint8Array, offset: number, length: number, port: number, address: string): void {
    if (this.isClosed) throw new Error('socket is destroyed')
    this.sent.push({ text: String.fromCharCode(...bytes.subarray(offset, offset + length)), port, address })
  }
  on(event: string, listener: Listener): void {
    this.#listeners.set(event, listener)
  }
  close(): void {
    this.isClosed = true
  }
  emit(event: string, ...args: unknown[]): void {
    this.#listeners.get(event)?.(...(args as never[]))
  }
}

function rig(...endpoints: string[]) {
  const sockets: FakeSocket[] = []
  const dgram = {
    createSocket({ type }: { type: string }): FakeSocket {
      const socket = new FakeSocket(type)
      sockets.push(socket)
      return socket
    },
  }
  const transport = new DgramShapedTransport({ dgram, endpoints })
  const got: string[] = []
  transport.listen({
    onDatagram: (bytes) => got.push(String.fromCharCode(...bytes)),
    onWay: () => {},
    onMoved: () => {},
  })
  return { transport, sockets, got, socket: (at = -1) => sockets.at(at) as FakeSocket }
}

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0))
const SERVER = { address: '192.0.2.1', port: 7350 }

t.test('sends to the server, hears the server alone', async (t) => {
  const { transport, socket, got } = rig('https://x', 'udp://192.0.2.1:7350')
  t.ok(transport.isAlive(), 'not opened is not closed')
  t.equal(
    transport.openProbe(() => {}),
    null,
  )
  transport.send(bytes('a'))
  t.same(socket().sent, [{ text: 'a', ...SERVER }])
  t.ok(socket().isBound)
  socket().emit('message', bytes('b'), SERVER)
  socket().emit('message', bytes('x'), { ...SERVER, port: 1 })
  socket().emit('message', bytes('y'), { ...SERVER, address: '192.0.2.2' })
  t.same(got, ['b'])
  t.equal(transport.family, 'ipv4')
})

t.test('a socket that the system closed: known at once, another with the next send', async (t) => {
  const { transport, sockets, socket } = rig('udp://[2001:db8::1]:7350', 'udp://name.example:7351')
  transport.send(bytes('a'))
  t.equal(socket().type, 'udp6')
  socket().emit('close')
  t.notOk(transport.isAlive())
  transport.send(bytes('b'))
  t.equal(sockets.length, 2)
  t.ok(transport.isAlive())
  socket().isClosed = true
  t.doesNotThrow(() => transport.send(bytes('lost')))
  t.notOk(transport.isAlive())
  transport.rebind()
  transport.send(bytes('c'))
  t.same(socket().sent, [{ text: 'c', port: 7351, address: 'name.example' }], 'the next endpoint')
  socket().emit('error', new Error('unreachable'))
  t.ok(socket().isClosed)
})

t.test('the second socket is one of its own', async (t) => {
  const { transport, sockets, socket, got } = rig('udp://name.example:7350')
  transport.send(bytes('a'))
  const heard: string[] = []
  const probe = transport.openProbe((datagram) => heard.push(String.fromCharCode(...datagram)))
  t.equal(sockets.length, 2)
  probe?.send(bytes('p'))
  t.equal(socket().sent.length, 1)
  socket().emit('message', bytes('q'), SERVER)
  t.same([heard, got], [['q'], []])
  probe?.close()
  socket().emit('message', bytes('r'), SERVER)
  probe?.send(bytes('s'))
  t.same([heard, socket().sent.length, socket(0).isClosed], [['q'], 1, false])
  transport.close()
  t.ok(socket(0).isClosed)
  transport.send(bytes('t'))
  t.equal(sockets.length, 2)
})

t.test('endpoints that cannot be read', async (t) => {
  for (const endpoint of ['https://x', 'udp://x', 'udp://x:0', 'udp://x:70000', 'udp://:1', 'udp://[x]:1']) {
    t.throws(() => rig(endpoint), { code: 'PL_BAD_CREDENTIALS' }, endpoint)
  }
})
