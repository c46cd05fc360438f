import t from 'tap'
import type {
  EndpointEvent,
  EndpointStoreReply,
  EndpointStoreRequest,
  HandOver,
  Transmit,
} from '../../src/endpoint/message.js'
import type { HubReply, HubRequest, HubStoreReply, HubStoreRequest } from '../../src/hub/message.js'
import { Driver, type DriverParts } from '../../src/io/driver.js'
import { systemNow } from '../../src/io/system-clock.js'

const CONTACT: EndpointEvent = { kind: 'contact', device: 1, state: 'active', fresh: true }
const FIND: EndpointStoreRequest = { kind: 'find-device', request: 7, publicKey: new Uint8Array(32) }
const COMMIT: EndpointStoreRequest = {
  kind: 'commit-session',
  request: 8,
  device: 1,
  stampMs: 1,
  rotation: 0,
  session: new Uint8Array(1),
}
const PUT: HubStoreRequest = {
  kind: 'put-ring',
  request: 9,
  ring: new Uint8Array(16),
  untilMs: 1,
  row: new Uint8Array(1),
}

/** As long as a message 1. */
const HANDSHAKE = new Uint8Array(120)

/** Fakes that write down in which order they are called. */
function fakes(
  answer: { endpoint?: () => Promise<EndpointStoreReply | null>; hub?: () => Promise<HubStoreReply | null> } = {},
) {
  const seen: string[] = []
  const transmits: Transmit[] = []
  const events: EndpointEvent[] = []
  const endpointRequests: EndpointStoreRequest[] = []
  const hubRequests: HubStoreRequest[] = []
  const closes: Uint8Array[] = []
  const handOvers: HandOver[] = []
  const replies: HubReply[] = []
  const wanted: { endpoint: number[]; hub: number[] } = { endpoint: [], hub: [] }
  const timers = { endpoint: Number.POSITIVE_INFINITY, hub: Number.POSITIVE_INFINITY }
  const settled: (() => void)[] = []
  let postponed = 0
  const parts: DriverParts = {
    endpoint: {
      handleDatagram: (bytes) => {
        seen.push(`datagram ${bytes.length}`)
        transmits.push({ bytes, remote: new Uint8Array(18) })
        events.push(CONTACT)
      },
      postpone: ({ length }) => {
        if (length !== HANDSHAKE.length) return false
        postponed++
        return true
      },
      handlePostponed: () => {
        seen.push('handshake')
        return --postponed > 0
      },
      handlePathClosed: (remote) => void seen.push(`closed ${remote.length}`),
      handleCommand: (command) => void seen.push(`command ${command.kind}`),
      handleStored: (reply) => {
        seen.push(`stored ${reply.kind} ${reply.kind === 'committed' ? reply.ok : ''}`.trim())
        for (const settle of settled.splice(0)) settle()
      },
      handleTimeout: () => {
        seen.push('endpoint timeout')
        timers.endpoint = Number.POSITIVE_INFINITY
        for (const settle of settled.splice(0)) settle()
      },
      nextTimeout: () => timers.endpoint,
      pollTransmit: () => transmits.shift() ?? null,
      pollEvent: () => events.shift() ?? null,
      pollStore: () => endpointRequests.shift() ?? null,
      pollClose: () => closes.shift() ?? null,
      handleHandOver: () => void seen.push('hand-over'),
      pollHandOver: () => handOvers.shift() ?? null,
      pollWanted: () => wanted.endpoint.shift() ?? null,
    },
    hub: {
      handleEvent: (event) => {
        seen.push(`event ${event.kind}`)
        replies.push({ kind: 'snapshot', stream: 1, views: [], isLast: true })
      },
      handleRequest: (request: HubRequest) => void seen.push(`request ${request.kind}`),
      handleStored: (reply) => {
        seen.push(`hub stored ${reply.kind === 'stored' ? reply.ok : ''}`)
        for (const settle of settled.splice(0)) settle()
      },
      handleTimeout: () => {
        seen.push('hub timeout')
        timers.hub = Number.POSITIVE_INFINITY
        for (const settle of settled.splice(0)) settle()
      },
      nextTimeout: () => timers.hub,
      pollCommand: () => null,
      pollReply: () => replies.shift() ?? null,
      pollStore: () => hubRequests.shift() ?? null,
      pollWanted: () => wanted.hub.shift() ?? null,
    },
    store: { endpoint: answer.endpoint ?? (async () => null), hub: answer.hub ?? (async () => null) },
    now: systemNow,
    send: (bytes) => void seen.push(`send ${bytes.length}`),
    close: (remote) => void seen.push(`close ${remote.length}`),
    handOver: ({ message }) => void seen.push(`handed over ${message.length}`),
    reply: (reply) => void seen.push(`reply ${reply.kind}`),
    want: (part) => void seen.push(`want ${part}`),
    onStoreError: (kind) => {
      seen.push(`failed ${kind}`)
      for (const settle of settled.splice(0)) settle()
    },
  }
  const next = () => new Promise<void>((resolve) => settled.push(resolve))
  return { parts, seen, closes, handOvers, wanted, endpointRequests, hubRequests, timers, transmits, next }
}

t.test('datagrams of one turn are drained together, the answers first; any other input at once', async (t) => {
  const { parts, seen } = fakes()
  const driver = new Driver(parts)
  driver.datagram(new Uint8Array(24), new Uint8Array(18))
  driver.datagram(new Uint8Array(25), new Uint8Array(18))
  t.same(seen.splice(0), ['datagram 24', 'datagram 25'])
  await new Promise(setImmediate)
  t.same(seen.splice(0), [
    ...['send 24', 'send 25', 'event contact', 'event contact'],
    ...['reply snapshot', 'reply snapshot'],
  ])
  driver.datagram(new Uint8Array(26), new Uint8Array(18))
  driver.request({ kind: 'metrics', request: 1 })
  t.same(seen.splice(0), ['datagram 26', 'request metrics', 'send 26', 'event contact', 'reply snapshot'])
  driver.command({ kind: 'remove', device: 1, code: 2 })
  t.same(seen.splice(0), ['command remove'])
  driver.datagram(new Uint8Array(27), new Uint8Array(18))
  const stopped = driver.stop()
  t.same(seen.splice(0), ['datagram 27', 'send 27', 'event contact', 'reply snapshot'], 'nothing is left behind')
  await stopped
  driver.datagram(new Uint8Array(24), new Uint8Array(18))
  t.same(seen, [], 'nothing after the stop')
})

t.test('a connection that the endpoint gives up is closed', async (t) => {
  const { parts, seen, closes } = fakes()
  const driver = new Driver(parts)
  closes.push(new Uint8Array(18))
  driver.start()
  t.same(seen, ['close 18'])
  await driver.stop()
})

t.test('store replies are inputs', async (t) => {
  const { parts, seen, endpointRequests, next } = fakes({
    endpoint: async () => ({ kind: 'found', request: 7, device: null }),
  })
  const driver = new Driver(parts)
  endpointRequests.push(FIND)
  const stored = next()
  driver.start()
  await stored
  t.same(seen, ['stored found'])
  await driver.stop()
})

t.test('what the store cannot do is told as not stored; a look-up is left to the retry', async (t) => {
  const broken = () => Promise.reject(new Error('disk'))
  const { parts, seen, endpointRequests, hubRequests } = fakes({ endpoint: broken, hub: broken })
  const driver = new Driver(parts)
  endpointRequests.push(COMMIT, FIND)
  hubRequests.push(PUT, { kind: 'drop-ring', ring: new Uint8Array(16) })
  driver.start()
  while (seen.length < 6) await new Promise(setImmediate)
  t.same(seen.filter((line) => line.startsWith('failed')).sort(), [
    'failed commit-session',
    'failed drop-ring',
    'failed find-device',
    'failed put-ring',
  ])
  t.same(seen.filter((line) => line.includes('stored')).sort(), ['hub stored false', 'stored committed false'])
  await driver.stop()
})

t.test('stop waits for the store', async (t) => {
  const gate: { open: () => void } = { open: () => {} }
  const { parts, endpointRequests } = fakes({
    endpoint: () =>
      new Promise((resolve) => {
        gate.open = () => resolve(null)
      }),
  })
  const driver = new Driver(parts)
  endpointRequests.push(COMMIT)
  driver.start()
  let stopped = false
  const stop = driver.stop().then(() => {
    stopped = true
  })
  await new Promise(setImmediate)
  t.equal(stopped, false)
  gate.open()
  await stop
})

t.test('one timer for both, the earliest first', async (t) => {
  const { parts, seen, timers, next } = fakes()
  const driver = new Driver(parts)
  timers.hub = systemNow().monotonicMs + 40
  driver.start()
  timers.endpoint = systemNow().monotonicMs + 5
  const first = next()
  driver.start()
  await first
  t.same(seen, ['endpoint timeout'])
  await next()
  t.same(seen, ['endpoint timeout', 'hub timeout'])
  await driver.stop()
})

t.test('a flood is drained in slices, with room for sockets between', async (t) => {
  const { parts, seen, transmits } = fakes()
  const driver = new Driver(parts)
  for (let index = 0; index < 2000; index++) transmits.push({ bytes: new Uint8Array(1), remote: new Uint8Array(18) })
  driver.start()
  t.ok(seen.length > 0 && seen.length < 2000, `first slice ${seen.length}`)
  while (seen.length < 2000) await new Promise(setImmediate)
  await driver.stop()
})

t.test('handshakes wait until a turn brought fewer datagrams than it may, and then go a few at a time', async (t) => {
  const { parts, seen } = fakes()
  const driver = new Driver(parts)
  const remote = new Uint8Array(18)
  const turn = async (pings: number, handshakes: number) => {
    for (let nth = 0; nth < handshakes; nth++) driver.datagram(HANDSHAKE, remote)
    for (let nth = 0; nth < pings; nth++) driver.datagram(new Uint8Array(24), remote)
    await new Promise(setImmediate)
    const handled = seen.splice(0)
    t.equal(handled.filter((line) => line === 'datagram 24').length, pings)
    return handled.filter((line) => line === 'handshake').length
  }
  t.equal(await turn(31, 1), 0, '32 datagrams: there may be more')
  t.equal(await turn(31, 0), 1, 'these were all')
  t.equal(await turn(0, 18), 8)
  t.equal(await turn(20, 0), 8)
  t.equal(await turn(20, 0), 2)
  t.equal(await turn(20, 0), 0)
  const handled: number[] = []
  for (let nth = 0; nth < 64; nth++) handled.push(await turn(30, 2))
  const taken = handled.reduce((sum, count) => sum + count, 0)
  t.equal(taken, 2, 'a flood leaves one in so many turns')
  await driver.stop()
  await new Promise(setImmediate)
  t.same(seen, [], 'nothing after the stop')
})

t.test('a message 1 of another endpoint’s device is handed over, and one from another endpoint is taken', async (t) => {
  const { parts, seen, handOvers } = fakes()
  const driver = new Driver(parts)
  const device = { device: 1, psk: new Uint8Array(32), stampMs: 0, rotation: 0 }
  const handOver: HandOver = { message: HANDSHAKE, remote: new Uint8Array(18), device }
  handOvers.push(handOver)
  driver.start()
  t.same(seen.splice(0), ['handed over 120'])
  driver.handOver(handOver)
  t.same(seen.splice(0), ['hand-over'])
  driver.stored({ kind: 'committed', request: 8, ok: true })
  t.same(seen.splice(0), ['stored committed true'])
  await driver.stop()
})

t.test(
  'parts that something waits for are told, those of the endpoint first; a part that is loaded is an input',
  async (t) => {
    const { parts, seen, wanted } = fakes()
    const driver = new Driver(parts)
    wanted.hub.push(7)
    wanted.endpoint.push(3, 4)
    driver.load(({ monotonicMs }) => void seen.push(`load ${Number.isFinite(monotonicMs)}`))
    t.same(seen, ['load true', 'want 3', 'want 4', 'want 7'])
    await driver.stop()
    driver.load(() => void seen.push('late'))
    t.same(seen.length, 4)
  },
)
