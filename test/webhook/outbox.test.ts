import t from 'tap'
import { REPLACE_AFTER_MS, TRY_FOR_MS } from '../../src/webhook/backoff.js'
import { CHANGES_MAX } from '../../src/webhook/change-lane.js'
import { OUTCOMES_MAX, REQUESTS_PER_ENDPOINT } from '../../src/webhook/endpoint-queue.js'
import { BATCH_BYTES_MAX, webhookEvent } from '../../src/webhook/event.js'
import { REQUESTS_MAX } from '../../src/webhook/outbox.js'
import { APP, Scene, START_MS } from './scene.js'

const HOUR_MS = 3_600_000
const ids = (count: number, from = 1) => Array.from({ length: count }, (_, at) => `presence_p_${from + at}`)

t.test('changes wait for others for 250 ms, or until there are 20', (t) => {
  const scene = new Scene()
  scene.presence('p', 1)
  scene.advance(249)
  t.same(scene.open, [])
  scene.presence('p', 2)
  scene.advance(1)
  t.same(scene.ids, [ids(2)])
  t.match(scene.open[0]?.id, /^batch_/)
  scene.answer(204)
  for (let version = 3; version <= 23; version++) scene.presence('p', version)
  t.same(scene.ids, [ids(20, 3)], 'at once')
  scene.answer(204)
  scene.advance(250)
  t.same(scene.ids, [ids(1, 23)])
  t.equal(scene.open[0]?.id, 'presence_p_23', 'one event alone has its own id')
  t.end()
})

t.test('a body stays below 20 kB', (t) => {
  const scene = new Scene()
  const text = 'é'.repeat(1_500)
  for (let n = 0; n < 20; n++) {
    scene.change(webhookEvent('presence.changed', `presence_p_${n}`, 'p', scene.wallMs, { text }))
  }
  scene.advance(250)
  t.equal(scene.sent[0]?.length, 6)
  t.ok(Buffer.byteLength(scene.open[0]?.body as string) < BATCH_BYTES_MAX)
  t.end()
})

t.test('one message of changes at a time; a failed one is repeated under its id, and nothing overtakes it', (t) => {
  const scene = new Scene()
  scene.presence('p', 1)
  scene.presence('p', 2)
  scene.advance(250)
  scene.presence('p', 3)
  scene.advance(10_000)
  t.equal(scene.open.length, 1, 'the next waits for the answer')
  const { id, body } = scene.answer(500)
  scene.presence('p', 4)
  t.same(scene.open, [])
  const pauseMs = scene.untilSent()
  t.ok(pauseMs >= 2_500 && pauseMs <= 5_000, `${pauseMs} ms`)
  t.equal(scene.open[0]?.id, id)
  t.same(JSON.parse(scene.open[0]?.body as string).data, JSON.parse(body).data)
  scene.answer(200)
  scene.advance(250)
  t.same(scene.ids, [['presence_p_3', 'presence_p_4']])
  t.end()
})

t.test('outcomes go alone, at once, several at a time; webhook-id names ring and end', (t) => {
  const scene = new Scene()
  for (let n = 0; n < REQUESTS_PER_ENDPOINT + 2; n++) scene.outcome(`r${n}`)
  t.equal(scene.open.length, REQUESTS_PER_ENDPOINT)
  t.equal(scene.open[0]?.id, 'ring_r0_missed')
  t.same(scene.ids[0], ['ring_r0_missed'])
  scene.outcome('r0')
  t.equal(scene.outbox.numbers(scene.now).waiting, REQUESTS_PER_ENDPOINT + 2, 'the same outcome is there once')
  scene.answer(204)
  t.same(scene.over, ['r0'])
  t.equal(scene.open.length, REQUESTS_PER_ENDPOINT)
  t.equal(scene.open.at(-1)?.id, `ring_r${REQUESTS_PER_ENDPOINT}_missed`)
  t.end()
})

t.test('a ring that has ended: what waits of its way there is not told any more', (t) => {
  const scene = new Scene()
  scene.ringChange('a', 1)
  scene.ringChange('b', 2)
  scene.outcome('a')
  scene.answer(204)
  scene.advance(250)
  t.same(scene.ids, [['ring_b_sent_2']])
  t.end()
})

t.test('a change that waits for an hour gives way to the latest state of that person', (t) => {
  const scene = new Scene()
  scene.presence('a', 1)
  scene.ringChange('r', 1)
  scene.presence('b', 1)
  scene.advance(250)
  while (scene.monotonicMs < REPLACE_AFTER_MS / 2) {
    scene.answer(503)
    scene.untilSent()
  }
  scene.presence('a', 2)
  scene.presence('a', 3)
  scene.answer(503)
  while (scene.monotonicMs < REPLACE_AFTER_MS + 2_000) {
    scene.untilSent()
    if (scene.monotonicMs < REPLACE_AFTER_MS + 2_000) scene.answer(503)
  }
  t.same(scene.ids, [['presence_b_1', 'presence_a_2', 'presence_a_3']], 'b has no later state; the ring is not told')
  scene.answer(503)
  scene.advance(0)
  while (scene.monotonicMs < 2.2 * REPLACE_AFTER_MS) {
    scene.untilSent()
    if (scene.monotonicMs < 2.2 * REPLACE_AFTER_MS) scene.answer(503)
  }
  t.same(scene.ids, [['presence_b_1', 'presence_a_3']])
  t.end()
})

t.test('tried for two days, ever more seldom; then given up, and the application is told to ask anew', (t) => {
  const scene = new Scene()
  scene.presence('p', 1)
  scene.outcome('r')
  let tries = 0
  const startMs = scene.monotonicMs
  for (;;) {
    scene.untilSent(2 * 86_400_000)
    if (scene.sent[0]?.[0]?.type === 'presence.reset') break
    tries++
    scene.answer(0)
  }
  t.ok(scene.monotonicMs - startMs >= TRY_FOR_MS, 'not before two days')
  t.ok(scene.monotonicMs - startMs <= TRY_FOR_MS + 3 * HOUR_MS)
  t.ok(tries > 40 && tries < 150, `${tries} tries`)
  t.same(scene.sent[0]?.[0]?.data, { reason: 'expired' })
  scene.answer(204)
  scene.advance(3 * HOUR_MS)
  t.same(scene.over, ['r'])
  t.same(scene.open, [])
  t.equal(scene.outbox.numbers(scene.now).gaveUp, 2)
  t.equal(scene.outbox.nextTimeout(), Infinity, 'nothing is left')
  t.end()
})

t.test('Retry-After holds everything for the endpoint back', (t) => {
  const scene = new Scene()
  scene.outcome('a')
  scene.answer(429, 120_000)
  scene.outcome('b')
  scene.presence('p', 1)
  scene.advance(119_999)
  t.same(scene.open, [])
  scene.advance(1)
  t.equal(scene.open.length, 3)
  t.end()
})

t.test('an endpoint that is down is asked one thing at a time; when it answers all goes at once', (t) => {
  const scene = new Scene()
  for (let n = 0; n < 40; n++) scene.outcome(`r${n}`)
  while (scene.open.length > 0) scene.answer(0)
  let requests = 0
  const startMs = scene.monotonicMs
  while (scene.monotonicMs < startMs + HOUR_MS) {
    scene.untilSent()
    t.equal(scene.open.length, 1)
    requests++
    scene.answer(0)
  }
  t.ok(requests < 60, `${requests} requests in an hour`)
  scene.untilSent()
  scene.answer(204)
  const delivered = new Set<string>()
  while (scene.open.length > 0) delivered.add(scene.answer(204).id)
  t.equal(delivered.size, 39)
  t.equal(scene.over.length, 40)
  t.end()
})

t.test('a slow endpoint holds up nobody else', (t) => {
  const scene = new Scene()
  for (let app = 2; app <= REQUESTS_MAX / REQUESTS_PER_ENDPOINT + 3; app++) {
    scene.configure({}, app)
    for (let n = 0; n < 20; n++) scene.outcome(`${app}.${n}`, app)
  }
  t.equal(scene.open.length, REQUESTS_MAX)
  scene.outcome('mine')
  t.equal(scene.open.length, REQUESTS_MAX, 'bounded in all')
  const last = REQUESTS_MAX / REQUESTS_PER_ENDPOINT + 3
  for (let n = 0; n < 20; n++) scene.answer(204, 0, 2)
  t.ok(
    scene.open.some(({ app }) => app.includes(`app${last}.`)),
    'who waited has its turn',
  )
  t.ok(scene.open.some(({ app }) => app.includes('app1.')))
  t.end()
})

t.test('410 disables: nothing more is kept or sent until the webhook is set again', (t) => {
  const scene = new Scene()
  scene.outcome('r')
  scene.outcome('under way')
  for (let ring = 0; ring < 10; ring++) scene.outcome(`${ring}`)
  scene.presence('p', 1)
  scene.answer(410)
  t.equal(scene.over.length, 12, 'the store need not keep what it does not want')
  t.match(scene.notices, [{ kind: 'disabled', app: APP, config: { disabled: { reason: 'gone', atMs: START_MS } } }])
  t.notOk(scene.outcome('later'), 'nor what comes now')
  scene.presence('p', 2)
  while (scene.open.length > 0) scene.answer(500)
  scene.advance(HOUR_MS)
  t.same(scene.open, [], 'what was under way is not repeated')
  t.equal(scene.outbox.numbers(scene.now).waiting, 0)
  const states = scene.outbox.log.of(APP).map(({ state }) => state)
  t.same(new Set(states), new Set(['failed']), 'and the log does not say that it will be')
  scene.configure()
  scene.advance(HOUR_MS)
  t.same(scene.ids, [])
  scene.outcome('again')
  t.same(scene.ids, [['ring_again_missed']])
  t.end()
})

t.test('paused: kept, and sent when it goes on; a test goes at once', (t) => {
  const scene = new Scene()
  scene.configure({ isPaused: true })
  scene.outcome('r')
  scene.presence('p', 1)
  scene.advance(HOUR_MS / 2)
  t.same(scene.open, [])
  t.ok(scene.outbox.test(APP, 5, scene.now))
  scene.advance(0)
  scene.configure({ isPaused: true })
  t.match(scene.sent, [[{ type: 'webhook.test', data: {} }]])
  scene.answer(500)
  t.match(scene.notices, [{ kind: 'tested', request: 5, delivery: { state: 'failed', attempts: [{ status: 500 }] } }])
  scene.advance(HOUR_MS / 4)
  t.same(scene.open, [], 'a test is not repeated')
  scene.configure()
  scene.advance(0)
  t.equal(scene.open.length, 2)
  t.end()
})

t.test('removed: nothing is left, not in the store either', (t) => {
  const scene = new Scene()
  scene.outcome('a')
  scene.presence('p', 1)
  scene.configure(null)
  t.same(scene.over, ['a'])
  scene.answer(500)
  scene.advance(HOUR_MS)
  t.same(scene.open, [])
  t.notOk(scene.outcome('b'))
  t.notOk(scene.outbox.test(APP, 1, scene.now))
  t.equal(scene.outbox.numbers(scene.now).waiting, 0)
  t.end()
})

t.test('an outcome from before a restart has what is left of its two days', (t) => {
  const scene = new Scene()
  scene.configure({ isPaused: true })
  scene.outcome('old', APP, START_MS - TRY_FOR_MS + HOUR_MS)
  scene.outcome('new')
  scene.advance(HOUR_MS + 700_000)
  t.same(scene.over, ['old'])
  scene.configure()
  scene.advance(0)
  t.same(scene.ids, [['ring_new_missed']])
  t.end()
})

t.test('bounded: persons beyond 10,000 make one reset; outcomes beyond give up the oldest', (t) => {
  const scene = new Scene()
  scene.configure({ isPaused: true })
  for (let n = 0; n <= CHANGES_MAX; n++) scene.presence(`p${n}`, 1)
  scene.presence('after', 1)
  for (let n = 0; n <= OUTCOMES_MAX; n++) scene.outcome(`r${n}`)
  t.same(scene.over, ['r0'])
  t.equal(scene.outbox.numbers({ ...scene.now, monotonicMs: scene.monotonicMs + 2_000 }).waiting, OUTCOMES_MAX + 2)
  scene.configure()
  scene.advance(250)
  scene.answer(204) // eight outcomes are under way
  const changes = scene.sent.find((events) => events[0]?.type !== 'ring.ended')
  t.match(changes, [{ type: 'presence.reset', data: { reason: 'overflow' } }, { id: 'presence_after_1' }])
  t.end()
})

t.test('bounded: many changes of few persons give way to their latest', (t) => {
  const scene = new Scene()
  scene.configure({ isPaused: true })
  for (let n = 1; n <= CHANGES_MAX + 1; n++) scene.presence(`p${n % 3}`, n)
  scene.configure()
  scene.advance(250)
  t.same(scene.ids, [
    [`presence_p0_${CHANGES_MAX - 1}`, `presence_p1_${CHANGES_MAX}`, `presence_p2_${CHANGES_MAX + 1}`],
  ])
  t.end()
})

t.test('a restart voids all changes that wait', (t) => {
  const scene = new Scene()
  scene.presence('p', 1)
  scene.change(webhookEvent('presence.restarted', 'restarted_1', 'restarted', scene.wallMs, {}))
  scene.presence('q', 2)
  scene.advance(250)
  t.same(scene.ids, [['restarted_1', 'presence_q_2']])
  t.end()
})

t.test('the log, and sending again what a delivery told', (t) => {
  const scene = new Scene()
  scene.outcome('r')
  scene.answer(500)
  t.match(scene.outbox.log.of(APP), [
    { webhookId: 'ring_r_missed', types: ['ring.ended'], state: 'waiting', attempts: [{ status: 500, latencyMs: 7 }] },
  ])
  scene.untilSent()
  scene.answer(200)
  const [delivery] = scene.outbox.log.of(APP)
  t.match(delivery, { state: 'delivered', nextMs: 0, attempts: [{ failure: 'status' }, { failure: '' }] })
  t.equal(scene.outbox.replay(2, delivery?.id as string, scene.now), null, 'of another application')
  t.equal(scene.outbox.replay(APP, 'dlv_x', scene.now), null)
  const again = scene.outbox.replay(APP, delivery?.id as string, scene.now)
  scene.advance(0)
  scene.configure()
  t.same(scene.ids, [['ring_r_missed']])
  t.equal(scene.open[0]?.id, 'ring_r_missed')
  scene.answer(204)
  t.match(scene.outbox.log.of(APP), [{ id: again?.id, state: 'delivered' }, { id: delivery?.id }])
  for (let n = 0; n < 150; n++) {
    scene.outcome(`n${n}`)
    scene.answer(204)
  }
  t.equal(scene.outbox.log.of(APP).length, 100)
  t.equal(scene.outbox.replay(APP, delivery?.id as string, scene.now), null, 'forgotten')
  t.end()
})

t.test('the part that sends breaks: what was under way is sent again', (t) => {
  const scene = new Scene()
  scene.outcome('r')
  scene.presence('p', 1)
  scene.advance(250)
  t.equal(scene.open.length, 2)
  const old = scene.open
  scene.open = []
  scene.outbox.handleInterrupted(scene.now)
  scene.advance(10_000)
  t.same(new Set(scene.open.map(({ id }) => id)), new Set(['ring_r_missed', 'presence_p_1']))
  scene.outbox.handleResult(
    { number: old[0]?.number as number, status: 204, failure: '', retryAfterMs: 0, latencyMs: 1 },
    scene.now,
  )
  t.equal(scene.outbox.numbers(scene.now).underWay, 2, 'an answer that comes too late counts for nothing')
  t.end()
})

t.test('memory goes by the applications that are there, not by their numbers, which only grow', (t) => {
  const scene = new Scene()
  const high = [2_000_000_001, 2_000_000_002, 2_000_000_003]
  for (const app of high.slice(0, 2)) {
    scene.configure({}, app)
    scene.presence('p', 1, app)
  }
  scene.configure(null, high[0])
  scene.configure({}, high[2])
  scene.advance(250)
  t.same(
    scene.open.map(({ url }) => url),
    [`https://app${high[1]}.example/`],
    'who is gone is told nothing, and not in place of it who came',
  )
  scene.presence('p', 1, high[2])
  scene.advance(250)
  t.equal(scene.open.length, 2)
  t.end()
})
