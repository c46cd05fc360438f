/**
 * `kill -9` between each pair of steps of a ring: accepted, sealed, sent, shown, answered, committed, told by stream and
 * webhook, acknowledged. Nothing is lost, and no outcome is told in two ways. Hub, store and outbox of webhooks are joined
 * as `io/` joins them; sender, devices and endpoint do again what was not answered, as good ones do.
 */
import t from 'tap'
import { fromHex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { HubReply, HubStoreRequest } from '../../src/hub/message.js'
import { readRingRow } from '../../src/ring/ring-row.js'
import { isTerminal, type RingState } from '../../src/ring/ring-state.js'
import type { Send } from '../../src/webhook/message.js'
import { ringJson } from '../../src/webhook/view.js'
import { Webhooks } from '../../src/webhook/webhooks.js'
import { CONFIG } from '../webhook/scene.js'
import { APP, House, listFor, type Phone } from './house.js'

const DEADLINE_MS = 30_000
/** A turn that finds nothing to do moves the clock by so much. */
const IDLE_MS = 5_000
/** After so many of those in a row after the end nothing more comes; after so many turns in all it must be so. */
const IDLE_TURNS = 3
const TURNS = 80

/** The process dies here. */
class Killed extends Error {}

/** A store that tells when it commits, and what nobody hears of when the process dies then. */
class MortalHouse extends House {
  step: (label: string) => void = () => {}

  override commit(request: HubStoreRequest): void {
    const label = labelOf(request)
    this.step(`before ${label}`)
    const { hub } = this
    const handle = hub.handleStored.bind(hub)
    hub.handleStored = (reply, now) => {
      hub.handleStored = handle
      this.step(`after ${label}`)
      handle(reply, now)
    }
    super.commit(request)
    hub.handleStored = handle
  }
}

function labelOf(request: HubStoreRequest): string {
  if (request.kind !== 'put-ring') return request.kind
  return `put-ring ${readRingRow(request.row)?.state}`
}

type Deed = 'accept' | 'dismiss' | 'ignore' | 'withdraw'

const ENDS: Record<Deed, RingState> = {
  accept: 'accepted',
  dismiss: 'dismissed',
  ignore: 'missed',
  withdraw: 'withdrawn',
}
const VERDICTS = { accept: 0, dismiss: 1, ignore: null, withdraw: null } as const

/** One ring from its request to the last acknowledgement. */
class Course {
  readonly house = new MortalHouse()
  readonly labels: string[] = []
  readonly faults: string[] = []
  readonly #deed: Deed
  /** numbers of steps at which the process dies */
  readonly #kills: readonly number[]
  readonly #phones: Phone[]
  #webhooks = this.#newWebhooks()
  /** sends of webhooks that are not answered */
  #sends: Send[] = []
  #asked: { post: number; withdraw: number } = { post: 0, withdraw: 0 }
  #isPosted = false
  #isWithdrawn = false
  /** NOTIFYs that each phone has read */
  readonly #read = new Map<Phone, number>()
  readonly ids = new Set<string>()
  /** ends as any place told them, as JSON */
  readonly ends = new Set<string>()
  readonly webhookIds: string[] = []

  constructor(deed: Deed, kills: readonly number[]) {
    this.#deed = deed
    this.#kills = kills
    const { house } = this
    this.#phones = house.person(1, 2)
    for (const phone of this.#phones) phone.contact('active', true)
    this.#phones[0]?.putList(listFor([{}]))
    for (const phone of this.#phones) phone.frames.length = 0
    house.step = (label) => this.#step(label)
    house.onSend = (_, frames) => this.#step(`sent ${frames.map(({ kind }) => kind)}`)
    house.onReply = (reply) => this.#take(reply)
    this.#open()
  }

  run(): this {
    let idle = 0
    for (let turn = 0; turn < TURNS && idle < IDLE_TURNS; turn++) {
      try {
        const isBusy = this.#act()
        if (!isBusy) this.#advance()
        idle = isBusy || this.ends.size === 0 ? 0 : idle + 1
      } catch (error) {
        if (!(error instanceof Killed)) throw error
        this.#restart()
        idle = 0
      }
    }
    if (idle < IDLE_TURNS) this.faults.push('it does not come to rest')
    this.house.step = () => {}
    this.house.onReply = () => {}
    this.#judge()
    return this
  }

  #step(label: string): void {
    this.labels.push(label)
    if (this.#kills.includes(this.labels.length)) throw new Killed(label)
  }

  /** What was in memory is gone; who spoke with the process begins anew. */
  #restart(): void {
    this.#asked = { post: 0, withdraw: 0 }
    this.#sends = []
    for (;;) {
      try {
        this.house.crash()
        this.#webhooks = this.#newWebhooks()
        this.#open()
        for (const phone of this.#phones) phone.contact('active', true).tellList(listFor([{}]), 1)
        return
      } catch (error) {
        if (!(error instanceof Killed)) throw error
      }
    }
  }

  #open(): void {
    const { house } = this
    const outcomes = [...house.disk.outcomes].map(([ring, row]) => ({ ring: fromHex(ring), row }))
    const webhooks = [{ app: APP, config: { ...CONFIG, events: ['ring.ended' as const] } }]
    this.#webhooks.start({ webhooks, outcomes }, house.bootedMs, house.bootedMs, house.now)
    this.#obey()
    house.subscribe()
  }

  #newWebhooks(): Webhooks {
    return new Webhooks(new SeededRandom('outbox'), this.house.now)
  }

  #obey(): void {
    for (let order = this.#webhooks.pollOrder(); order !== null; order = this.#webhooks.pollOrder()) {
      if (order.kind === 'hub') this.house.ask(order.request)
      else if (order.kind === 'store') this.house.commit(order.request)
    }
  }

  /** Somebody does the next thing. @returns false: there is nothing to do. */
  #act(): boolean {
    return this.#post() || this.#answer() || this.#withdraw() || this.#send() || this.#acknowledge()
  }

  #advance(): void {
    this.house.advance(IDLE_MS)
    this.#webhooks.outbox.handleTimeout(this.house.now)
  }

  #post(): boolean {
    if (this.#isPosted || this.#asked.post > 0) return false
    this.#step('POST')
    this.#asked.post = this.house.nextRequest()
    const to = [this.house.puid(1)]
    const content = { title: 'Ada calls', body: '', url: '', payload: '' }
    const plain = { strategy: 'all', stepMs: 0, collapseKey: '' } as const
    const ring = { to, ...content, ...plain, deadlineInMs: DEADLINE_MS, idempotencyKey: 'call-7' }
    this.house.ask({ kind: 'ring', request: this.#asked.post, app: APP, ring })
    return true
  }

  /** A phone reads its NOTIFYs: it displays the ring, then the person answers. */
  #answer(): boolean {
    const verdict = VERDICTS[this.#deed]
    const [phone] = this.#phones
    const read = this.#read.get(phone as Phone) ?? 0
    const notify = phone?.notifies[read]
    if (phone === undefined || notify === undefined) return false
    this.#read.set(phone, read + 1)
    this.#step('displayed')
    phone.verdict(2, null, notify.id)
    this.#step('shown')
    if (verdict === null) return true
    phone.verdict(verdict, verdict === 0 ? Uint8Array.of(7) : null, notify.id)
    this.#step('answered')
    return true
  }

  #withdraw(): boolean {
    const [id] = this.ids
    const isRung = this.#phones.some(({ notifies }) => notifies.length > 0)
    if (this.#deed !== 'withdraw' || this.#isWithdrawn || this.#asked.withdraw > 0 || !isRung) return false
    if (id === undefined) return false
    this.#step('DELETE')
    this.#asked.withdraw = this.house.nextRequest()
    this.house.ask({ kind: 'ring-withdraw', request: this.#asked.withdraw, app: APP, ring: id })
    return true
  }

  /** Requests of the webhook go out and arrive. */
  #send(): boolean {
    const sends = this.#webhooks.outbox.pollSends()
    for (const send of sends) {
      this.#step('webhook sent')
      const [event] = JSON.parse(send.body).data
      this.webhookIds.push(send.id)
      this.ends.add(JSON.stringify(event.data))
      this.#sends.push(send)
    }
    return sends.length > 0
  }

  #acknowledge(): boolean {
    const send = this.#sends.shift()
    if (send === undefined) return false
    this.#step('webhook arrived')
    const { number } = send
    const result = { number, status: 204, failure: '', retryAfterMs: 0, latencyMs: 1 } as const
    this.#webhooks.outbox.handleResult(result, this.house.now)
    this.#step('webhook acknowledged')
    this.#obey()
    return true
  }

  #take(reply: HubReply): void {
    if (reply.kind === 'error' && reply.request > 0) this.faults.push(`refused: ${reply.code}`)
    if (reply.kind === 'webhook-ring') {
      this.#step('news for the webhook')
      this.#webhooks.takeNews(reply, this.house.now)
      this.#obey()
    }
    if (reply.kind !== 'ring' && reply.kind !== 'ring-change') return
    const { ring } = reply
    const who = reply.kind === 'ring' ? 'answer' : 'stream'
    this.#step(`before ${who} ${ring.state}`)
    this.ids.add(ring.ring)
    if (isTerminal(ring.state)) this.ends.add(JSON.stringify(ringJson(ring)))
    if (reply.kind === 'ring' && reply.request === this.#asked.withdraw) this.#isWithdrawn = true
    if (reply.kind === 'ring' && reply.request === this.#asked.post) this.#isPosted = true
    this.#step(`after ${who} ${ring.state}`)
  }

  #judge(): void {
    const { disk } = this.house
    const expected = ENDS[this.#deed]
    const [id = ''] = this.ids
    const last = this.house.readRing(id)
    if (this.ids.size !== 1 || disk.rings.size !== 1) this.faults.push(`${this.ids.size} ids, ${disk.rings.size} rings`)
    if (last?.state !== expected) this.faults.push(`it ended as ${last?.state}`)
    if (last !== null) this.ends.add(JSON.stringify(ringJson(last)))
    if (this.ends.size !== 1) this.faults.push(`told as ${[...this.ends].join(' and ')}`)
    if (new Set(this.webhookIds).size !== 1) this.faults.push(`told under ${this.webhookIds}`)
    if (disk.outcomes.size > 0) this.faults.push('an outcome is kept that was acknowledged')
    for (const { notifies, outcomes } of this.#phones) {
      if (notifies.length > 0 && outcomes.length === 0) this.faults.push('a phone goes on ringing')
      if (new Set(outcomes.map(({ what }) => what)).size > 1) this.faults.push('a phone was told two ends')
    }
  }
}

/** Steps that a ring passes, in words of this test: between any two the process dies. */
const PASSED: Record<Deed, readonly string[]> = {
  accept: ['POST', 'shown', 'answered', 'before put-ring accepted', 'after put-ring accepted', 'after stream accepted'],
  dismiss: ['POST', 'shown', 'answered', 'before put-ring dismissed', 'after put-ring dismissed'],
  ignore: ['POST', 'displayed', 'before put-ring missed', 'after put-ring missed', 'after stream missed'],
  withdraw: ['POST', 'DELETE', 'before put-ring withdrawn', 'after put-ring withdrawn', 'after answer withdrawn'],
}
const ALWAYS_PASSED = [
  'before put-ring sent',
  'after put-ring sent',
  'after answer sent',
  'sent notify',
  'sent outcome',
  'news for the webhook',
  'webhook sent',
  'webhook arrived',
  'webhook acknowledged',
  'before drop-outcome',
]

for (const deed of Object.keys(ENDS) as Deed[]) {
  t.test(`${deed}: the process dies at each step, and again some steps later`, async (t) => {
    const whole = new Course(deed, []).run()
    t.same(whole.faults, [])
    t.equal(whole.webhookIds.length, 1, 'without a kill the webhook is told once')
    for (const label of [...ALWAYS_PASSED, ...PASSED[deed]]) t.ok(whole.labels.includes(label), label)
    const failed: string[] = []
    for (let first = 1; first <= whole.labels.length; first++) {
      for (const later of [0, 1, 6]) {
        const course = new Course(deed, later === 0 ? [first] : [first, first + later]).run()
        const at = `${first} (${course.labels[first - 1]}) and ${later} later`
        if (course.faults.length > 0) failed.push(`${at}: ${course.faults.join('; ')}`)
      }
    }
    t.same(failed, [])
  })
}
