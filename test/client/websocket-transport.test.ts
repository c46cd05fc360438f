/** The WebSocket of a device, over a constructor of the WHATWG's shape that does what the test says. */
import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { type WebSocketLike, WebSocketTransport } from '../../src/client/websocket-transport.js'

const ENDPOINTS = ['udp://192.0.2.1:7350', 'wss://p.example/v1/channel', 'wss://other.example/v1/channel']

class FakeSocket implements WebSocketLike {
  binaryType = 'blob'
  readyState = 0
  bufferedAmount = 0
  onopen: WebSocketLike['onopen'] = null
  onmessage: WebSocketLike['onmessage'] = null
  onclose: WebSocketLike['onclose'] = null
  onerror: WebSocketLike['onerror'] = null
  readonly sent: number[][] = []
  readonly url: string
  readonly protocols: string[]
  isClosed = false
  throwsOnSend = false

  constructor(url: string, protocols: string[]) {
    this.url = url
    this.protocols = protocols
  }
  send(data: Uint8Array): void {
    if (this.throwsOnSend) throw new Error('closing')
    this.sent.push([...data])
  }
  close(): void {
    this.isClosed = true
    this.readyState = 2
  }
  open(): void {
    this.readyState = 1
    this.onopen?.({} as never)
  }
  break(): void {
    this.readyState = 3
    this.onerror?.({} as never)
    this.onclose?.({} as never)
  }
  message(data: unknown): void {
    this.onmessage?.({ data } as never)
  }
}

function fixture(endpoints: readonly string[] = ENDPOINTS) {
  const sockets: FakeSocket[] = []
  const timers: { ms: number; run: () => void }[] = []
  const failing = { constructor: false }
  class Socket extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      if (failing.constructor) throw new Error('refused')
      sockets.push(this)
    }
  }
  const transport = new WebSocketTransport({
    endpoints,
    webSocket: async () => Socket,
    host: {
      random: new SeededRandom('socket'),
      setTimer(ms, run) {
        const timer = { ms, run }
        timers.push(timer)
        return () => {
          const at = timers.indexOf(timer)
          if (at >= 0) timers.splice(at, 1)
        }
      },
    },
  })
  const told: unknown[] = []
  transport.listen({
    onDatagram: (bytes) => told.push([...bytes]),
    onWay: () => told.push('way'),
    onMoved: () => told.push('moved'),
  })
  /** Lets the constructor be fetched. */
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  /** Runs the one timer. @returns its ms. */
  const fire = async (): Promise<number> => {
    const timer = timers.shift()
    if (timer === undefined) throw new Error('no timer')
    timer.run()
    await turn()
    return timer.ms
  }
  const last = () => sockets.at(-1) as FakeSocket
  return { transport, sockets, timers, told, turn, fire, last, failing }
}

t.test(
  '[R-8.3-1] the first datagram opens it, with the subprotocol; what waits goes out, the oldest is dropped',
  async (t) => {
    const { transport, sockets, told, turn, last, timers } = fixture()
    t.equal(transport.kind, 'tcp')
    for (let i = 1; i <= 6; i++) transport.send(new Uint8Array([i]))
    await turn()
    t.equal(sockets.length, 1)
    t.match(last(), { url: ENDPOINTS[1], protocols: ['pilotlight.1'], binaryType: 'arraybuffer' })
    last().open()
    t.same(last().sent, [[3], [4], [5], [6]])
    t.same(told, [], 'what waited tells the server the address')
    t.same(timers, [])
    transport.send(new Uint8Array([7]))
    t.same(last().sent.at(-1), [7])
    last().message(new Uint8Array([8, 9]).buffer)
    last().message('text')
    t.same(told, [[8, 9]])
  },
)

t.test('opened without a datagram, it tells that the device moved', async (t) => {
  const { transport, told, turn, last } = fixture()
  transport.open()
  transport.open()
  await turn()
  t.notOk(transport.isOpen)
  last().open()
  t.ok(transport.isOpen)
  t.same(told, ['moved'])
})

t.test('[R-8.3-8] it opens again by itself after a random pause of at most 5 s, then after growing ones', async (t) => {
  const { transport, sockets, told, turn, fire, last, failing } = fixture()
  transport.open()
  await turn()
  last().open()
  last().message(new Uint8Array([1]).buffer)
  last().break()
  const first = await fire()
  t.ok(first >= 0 && first <= 5000)
  const pauses: number[] = []
  for (let i = 0; i < 14; i++) {
    failing.constructor = i % 2 === 0
    if (sockets.length > 0 && last().readyState === 0) last().break()
    pauses.push(await fire())
  }
  for (const [i, ms] of pauses.entries()) {
    const doubled = Math.min(1000 * 2 ** (i + 1), 600_000)
    t.ok(ms >= doubled * 0.75 - 1 && ms <= doubled * 1.25, `${i}: ${ms}`)
  }
  failing.constructor = false
  if (last().readyState !== 0) await fire()
  last().open()
  t.same(told, ['moved', [1], 'moved'])
})

t.test('an attempt that hangs is given up after 15 s', async (t) => {
  const { transport, sockets, turn, fire, last } = fixture()
  transport.open()
  await turn()
  const hanging = last()
  t.equal(await fire(), 15_000)
  t.ok(hanging.isClosed)
  await fire()
  t.equal(sockets.length, 2)
  hanging.open()
  t.notOk(transport.isOpen, 'the old attempt has no effect any more')
})

t.test('rebind opens another at once; rest and close open none', async (t) => {
  const { transport, sockets, told, turn, last, timers } = fixture()
  transport.rebind('network')
  await turn()
  t.equal(sockets.length, 0, 'nobody wants it')
  transport.open()
  transport.rebind('network')
  await turn()
  t.equal(sockets.filter(({ isClosed }) => !isClosed).length, 1)
  last().open()
  const old = last()
  transport.rebind('network')
  await turn()
  t.ok(old.isClosed)
  t.not(last(), old)
  last().open()
  transport.rest()
  transport.rebind('silence')
  t.ok(last().isClosed)
  t.same(timers, [])
  transport.send(new Uint8Array([1]))
  await turn()
  last().open()
  t.same(last().sent, [[1]])
  transport.close()
  transport.send(new Uint8Array([2]))
  transport.open()
  await turn()
  t.ok(last().isClosed)
  t.same(timers, [])
  t.same(told, ['moved', 'moved'])
})

t.test('sends never throw, and nothing is queued behind 64 KiB', async (t) => {
  const { transport, turn, last } = fixture()
  transport.open()
  await turn()
  last().open()
  last().throwsOnSend = true
  transport.send(new Uint8Array([1]))
  last().throwsOnSend = false
  last().bufferedAmount = 65_537
  transport.send(new Uint8Array([2]))
  last().bufferedAmount = 65_536
  transport.send(new Uint8Array([3]))
  t.same(last().sent, [[3]])
})

t.test('without an endpoint of a WebSocket there is none', async (t) => {
  t.throws(() => fixture(['udp://192.0.2.1:7350']), { code: 'PL_BAD_CREDENTIALS' })
  t.ok(fixture(['ws://127.0.0.1:1/v1/channel']).transport)
})
