import t from 'tap'
import type {
  EndpointEvent,
  EndpointStoreReply,
  EndpointStoreRequest,
  HandOver,
  Transmit,
} from '../../src/endpoint/message.js'
import type { HubReply, HubRequest, HubStoreReply, HubStoreRequest } from '../../src/hub/message.js'
import { Driver } from '../../src/io/driver.js'
import type { DriverParts } from '../../src/io/driver-parts.js'
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
    clockMs: () => 0, // a turn has all the time
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

/** Every piece of work takes so long, ms, by the driver's clock. */
const PIECE_MS = 0.25
const PING = new Uint8Array(24)
const REMOTE = new Uint8Array(18)

/** A driver for which time passes only by work. */
function busyDriver() {
  const clock = { ms: 0 }
  const made = fakes()
  const { parts, seen } = made
  const takesTime =
    <Args extends unknown[]>(act: (...args: Args) => void) =>
    (...args: Args) => {
      clock.ms += PIECE_MS
      act(...args)
    }
  parts.hub.handleRequest = takesTime((request: HubRequest) => void seen.push(`request ${request.kind}`))
  parts.hub.handleEvent = takesTime((event: EndpointEvent) => void seen.push(`event ${event.kind}`))
  parts.hub.handleStored = takesTime(() => void seen.push('hub stored'))
  const driver = new Driver({ ...parts, clockMs: () => clock.ms })
  const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))
  const count = (line: string) => seen.filter((one) => one === line).length
  return { ...made, driver, turn, count, clock }
}

const ASK: HubRequest = { kind: 'presence', request: 1, app: 1, puids: [] }

t.test('answers to datagrams go out in their turn, whatever else there is', async (t) => {
  const { driver, turn, count, seen, clock } = busyDriver()
  for (let nth = 0; nth < 200; nth++) driver.request(ASK)
  const atOnce = count('request presence')
  t.equal(atOnce, 12, '3 ms of a turn')
  for (let round = 1; round <= 8; round++) {
    seen.length = 0
    const beforeMs = clock.ms
    for (let nth = 0; nth < 32; nth++) driver.datagram(PING, REMOTE)
    await turn()
    t.equal(count('send 24'), 32)
    const grownMs = 0.5 * (1 + (round - 1) / 8)
    t.ok(clock.ms - beforeMs <= grownMs + 2 * PIECE_MS, 'and little else is done, as more datagrams wait')
    t.ok(count('event contact') + count('request presence') > 0, 'but something is')
  }
  await driver.stop()
})

t.test('what datagrams bring is never more than can be handled, however much of it there is', async (t) => {
  const { driver, turn, count, seen, clock } = busyDriver()
  let [asked, waiting, most] = [0, 0, 0]
  for (let round = 0; round < 400; round++) {
    // As many datagrams as a turn can read, each with an event: 8 ms of work.
    for (let nth = 0; nth < 32; nth++) driver.datagram(PING, REMOTE)
    asked += 32
    await turn()
    waiting = asked - count('event contact')
    most = Math.max(most, waiting)
  }
  const late = clock.ms
  t.ok(most < 32 * 128, `at most ${most} waited`)
  t.ok(count('event contact') > 400 * 32 - 32 * 128)
  for (let rest = waiting; rest > 0; rest = asked - count('event contact')) await turn()
  t.ok(clock.ms - late <= waiting * PIECE_MS + 1)
  seen.length = 0
  for (let nth = 0; nth < 40; nth++) driver.request(ASK)
  await turn()
  t.ok(count('request presence') <= 12 + 12, 'and then turns are short again')
  await driver.stop()
})

t.test('what does not fit a turn goes on in the next ones, in order', async (t) => {
  const { parts, clock } = busyDriver()
  const handled: number[] = []
  parts.hub.handleRequest = (request) => {
    clock.ms += PIECE_MS
    handled.push((request as { request: number }).request)
  }
  const driver = new Driver({ ...parts, clockMs: () => clock.ms })
  for (let request = 1; request <= 100; request++) driver.request({ ...ASK, request } as HubRequest)
  const byTurn: number[] = []
  for (let before = handled.length; before < 100; before = handled.length) {
    await new Promise<void>((resolve) => void setImmediate(resolve))
    byTurn.push(handled.length - before)
  }
  t.same(byTurn, [...Array.from({ length: 7 }, () => 12), 4])
  t.same(
    handled,
    Array.from({ length: 100 }, (_, nth) => nth + 1),
  )
  await driver.stop()
})

t.test(
  'replies of the store come before requests that wait; what the server is told to do waits for nobody',
  async (t) => {
    const { parts, driver, turn, seen, count, hubRequests } = busyDriver()
    const answers: ((reply: HubStoreReply) => void)[] = []
    parts.store.hub = () => new Promise((resolve) => void answers.push(resolve))
    hubRequests.push(PUT, PUT, PUT)
    driver.start()
    for (let nth = 0; nth < 40; nth++) driver.request(ASK)
    t.equal(count('request presence'), 12)
    seen.length = 0
    for (const answer of answers) answer({ kind: 'stored', request: 9, ok: true, version: 0 })
    driver.request({ kind: 'account-removed', person: 1, devices: [] })
    t.same(seen, ['request account-removed'])
    await turn()
    t.same(seen.slice(1, 6), ['hub stored', 'hub stored', 'hub stored', 'request presence', 'request presence'])
    await driver.stop()
    t.equal(count('request presence'), 28, 'nothing is left behind')
  },
)

t.test('a flood of what goes out leaves room for sockets, too', async (t) => {
  const { parts, driver, seen, transmits, turn, clock } = busyDriver()
  parts.send = (bytes) => {
    clock.ms += PIECE_MS
    seen.push(`send ${bytes.length}`)
  }
  const flooded = new Driver({ ...parts, clockMs: () => clock.ms })
  for (let index = 0; index < 500; index++) transmits.push({ bytes: new Uint8Array(1), remote: REMOTE })
  flooded.start()
  t.equal(seen.length, 12)
  const byTurn: number[] = []
  for (let before = seen.length; before < 500; before = seen.length) {
    await turn()
    byTurn.push(seen.length - before)
  }
  t.same(byTurn, [64 + 12, 64 + 14, 64 + 15, 64 + 17, 64 + 18, 64 + 20, 8])
  await driver.stop()
  await flooded.stop()
})

t.test('handshakes that take long are few in a turn', async (t) => {
  const { parts, driver, seen, turn, clock } = busyDriver()
  let waiting = 0
  parts.endpoint.postpone = () => ++waiting > 0
  parts.endpoint.handlePostponed = () => {
    clock.ms += 1
    seen.push('handshake')
    return --waiting > 0
  }
  for (let nth = 0; nth < 20; nth++) driver.datagram(HANDSHAKE, REMOTE)
  await turn()
  t.equal(seen.length, 3)
  await turn()
  t.equal(seen.length, 6)
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
