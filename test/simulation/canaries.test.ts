/** Worlds with something broken in them: the checker must find each. The breakage is here, none of it in src. */
import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { DeviceEvent } from '../../src/client/event.js'
import { slotOf, workerOf } from '../../src/endpoint/device-handle.js'
import type { EndpointEvent } from '../../src/endpoint/message.js'
import type { Hub } from '../../src/hub/hub.js'
import type { HubReply } from '../../src/hub/message.js'
import { Offset } from '../../src/session/record.js'
import type { SessionSlab } from '../../src/session/slab.js'
import { DeviceNode, type DeviceSetting } from '../../src/sim/device-node.js'
import { idealCrypto } from '../../src/sim/ideal-crypto.js'
import { SCENARIOS } from '../../src/sim/scenario.js'
import { ServerNode, type ServerSetting } from '../../src/sim/server-node.js'
import { ServerWatch } from '../../src/sim/server-watch.js'
import type { Disk } from '../../src/sim/sim-store.js'
import { World, type WorldParts } from '../../src/sim/world.js'

/** What a world finds within some seeds. */
function finds(scenario: string, parts: Partial<WorldParts>, seeds = 6, turmoilS = 200): string {
  const named = SCENARIOS.find(({ name }) => name === scenario)!
  for (let seed = 1; seed <= seeds; seed++) {
    const world = new World({ ...named, turmoilS }, seed, idealCrypto, parts)
    world.run()
    if (world.checker.violations.length > 0) return world.checker.violations.join('\n')
  }
  return ''
}

const server = (broken: typeof ServerNode): Partial<WorldParts> => ({
  server: (setting, disk) => new broken(setting, disk),
})
const device = (broken: typeof DeviceNode): Partial<WorldParts> => ({ device: (setting) => new broken(setting) })

t.test('a hub that ends a ring twice', async (t) => {
  class EndsTwice extends ServerNode {
    protected override reply(reply: HubReply): void {
      super.reply(reply)
      if (reply.kind === 'ring-change' && reply.ring.state === 'accepted')
        super.reply({ ...reply, ring: { ...reply.ring, state: 'missed' } })
    }
  }
  t.match(finds('calm', server(EndsTwice)), /ended accepted, then reads missed/)
})

t.test('a hub that loses a ring', async (t) => {
  class LosesEnds extends ServerNode {
    protected override reply(reply: HubReply): void {
      if (!('ring' in reply) || reply.ring.state !== 'missed') super.reply(reply)
    }
  }
  t.match(finds('calm', server(LosesEnds)), /is open \d+ ms after its deadline/)
})

t.test('a device that forgets what it showed', async (t) => {
  class Forgets extends DeviceNode {
    protected override store(bytes: Uint8Array): void {
      const state = JSON.parse(new TextDecoder().decode(bytes))
      super.store(new TextEncoder().encode(JSON.stringify({ ...state, seen: [] })))
    }
  }
  t.match(finds('crashes', device(Forgets)), /showed ring \w+ twice/)
})

t.test('a phone whose notifications come late', async (t) => {
  class Late extends DeviceNode {
    protected override tell(event: DeviceEvent): void {
      const tell = (): void => super.tell(event)
      if (event.kind === 'ring') this.setting.network.queue.at(this.setting.network.queue.nowMs + 60_000, tell)
      else tell()
    }
  }
  t.match(finds('calm', device(Late)), /showed ring \w+ \d+ ms late/)
})

t.test('a server that repeats presence events', async (t) => {
  class Repeats extends ServerNode {
    protected override reply(reply: HubReply): void {
      super.reply(reply)
      if (reply.kind === 'change') super.reply(reply)
    }
  }
  t.match(finds('crashes', server(Repeats)), /presence of \w+: version/)
})

t.test('a hub that does not hear that contact is lost', async (t) => {
  class Deaf extends ServerNode {
    protected override tellHub(hub: Hub, event: EndpointEvent, now: { monotonicMs: number; wallMs: number }): void {
      if (event.kind !== 'lost') super.tellHub(hub, event, now)
    }
  }
  t.match(finds('moving', server(Deaf)), /reads online \(\w+\) with no device in contact|reads away/)
})

t.test('a server that says everything thrice', async (t) => {
  class Amplifies extends ServerNode {
    protected override transmit(worker: number, remote: Uint8Array, bytes: Uint8Array): void {
      for (let i = 0; i < 3; i++) super.transmit(worker, remote, bytes)
    }
  }
  const found = finds('hostile', server(Amplifies))
  t.match(found, /B of kind \d to .* for a datagram of 0 B/)
  t.match(finds('moving', server(Amplifies)), /B to .*, which is not proven, for \d+ B|for a datagram of 0 B/)
})

t.test('a phone without a clock, without randomness, and with a flash that takes nothing new', async (t) => {
  class SameAgain extends SeededRandom {
    override fork(label: string): SeededRandom {
      return super.fork(label.startsWith('life') ? 'life' : label)
    }
  }
  class Frozen extends DeviceNode {
    constructor(setting: DeviceSetting) {
      const now = () => ({ ...setting.now(), wallMs: 1_700_000_000_000 })
      super({ ...setting, now, random: new SameAgain(setting.name) })
    }
    protected override store(bytes: Uint8Array): void {
      super.store(new TextEncoder().encode(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(bytes)), boot: 0 })))
    }
  }
  t.match(finds('crashes', device(Frozen)), /a key and nonce are used again/)
})

t.test('a device that our own code breaks', async (t) => {
  class Throws extends DeviceNode {
    protected override tell(event: DeviceEvent): void {
      if (event.kind === 'ring-ended') throw new Error('planted')
      super.tell(event)
    }
  }
  t.match(finds('calm', device(Throws)), /thrown at \d+ ms: Error: planted/)
})

t.test('a phone that knows no WebSocket, where UDP is limited', async (t) => {
  class NoWebSocket extends DeviceNode {
    constructor(setting: DeviceSetting) {
      super({ ...setting, tcpKeepaliveS: null })
    }
  }
  t.match(finds('udp limited', device(NoWebSocket)), /is not in contact, though it has had a way|is on udp, and UDP is/)
})

t.test('a phone that handshakes whenever its network changes', async (t) => {
  class Handshakes extends DeviceNode {
    override networkChanged(): void {
      super.networkChanged()
      this.do((machine, now) => machine.parts.handshake.begin(true, now))
    }
  }
  t.match(finds('udp limited', device(Handshakes)), /sent \d+ messages 1/)
})

t.test('a server that spoils the record beside that of a session which ends', async (t) => {
  class Careless extends ServerNode {
    readonly #slabs: SessionSlab[] = []
    override start(): void {
      const { watch } = this.setting
      const { start } = ServerWatch.prototype
      watch.start = (workers, slots) => {
        this.#slabs.splice(0, this.#slabs.length, ...start.call(watch, workers, slots))
        return this.#slabs
      }
      super.start()
    }
    protected override tellHub(hub: Hub, event: EndpointEvent, now: { monotonicMs: number; wallMs: number }): void {
      super.tellHub(hub, event, now)
      if (event.kind !== 'ended') return
      const neighbour = this.#slabs[workerOf(event.device)]!.view().at(slotOf(event.device) + 1)
      neighbour.write(Offset.receiveKey, new Uint8Array(8).fill(0xff))
    }
  }
  t.match(finds('hostile', server(Careless)), /sent \d+ messages 1/)
})

t.test('a server that is busy with strangers', async (t) => {
  class Busy extends ServerNode {
    #strangerMs = 0
    protected override transmit(worker: number, remote: Uint8Array, bytes: Uint8Array): void {
      const { nowMs } = this.setting.network.queue
      const isChannel = (bytes[0]! & 0x80) !== 0
      if (!isChannel) this.#strangerMs = nowMs
      if (!isChannel || nowMs > this.#strangerMs + 100) super.transmit(worker, remote, bytes)
    }
  }
  const found = finds('floods', server(Busy))
  t.match(found, /has been unanswered for \d+ ms|pings of known devices were dropped|did not show ring/)
})

t.test('a server that lets everybody begin handshakes', async (t) => {
  class Generous extends ServerNode {
    protected override limits() {
      const handshakesPerAddress = { perSecond: 1_000_000, burst: 1_000_000 }
      return { ...super.limits(), handshakesPerAddress, handshakesPerSecondBeforeCookie: 1_000_000 }
    }
  }
  t.match(finds('floods', server(Generous)), /the server made \d+ key agreements in a second/)
})

t.test('a server that gives no grace', async (t) => {
  class Hasty extends ServerNode {
    protected override limits() {
      return { ...super.limits(), graceBaseMs: 0 }
    }
  }
  t.match(finds('sleepers', server(Hasty)), /was lost \d+ ms before its promise was over/)
})

t.test('a phone that acks nothing: something stands beside its record for ever', async (t) => {
  class Silent extends DeviceNode {
    override start(): void {
      super.start()
      const { acks } = this.machine!.parts
      acks.add = () => {}
    }
  }
  t.match(finds('calm', device(Silent)), /at rest, worker \d: framesWaiting is \d/)
})

/** A hub that takes the first list of each device for all later ones: revocations do not reach it. */
class Outdated extends ServerNode {
  readonly #first = new Map<number, Uint8Array>()
  protected override tellHub(hub: Hub, event: EndpointEvent, now: { monotonicMs: number; wallMs: number }): void {
    if (event.kind !== 'frame' || event.frame.kind !== 'visibility') {
      super.tellHub(hub, event, now)
      return
    }
    const part = this.#first.get(event.device) ?? event.frame.part
    this.#first.set(event.device, part)
    super.tellHub(hub, { ...event, frame: { ...event.frame, part } }, now)
  }
}

t.test('a server that goes by an old list', async (t) => {
  t.match(finds('consent', server(Outdated)), /reads \w+ by a pseudonym of \w+ that list \d+ does not hold/)
})

t.test('a server that lets rings through, and phones that do not look at their own list', async (t) => {
  class Trusting extends DeviceNode {
    override start(): void {
      super.start()
      this.machine!.parts.list.admitsRing = () => true
    }
  }
  const found = finds('consent', { ...server(Outdated), ...device(Trusting) })
  t.match(found, /shows ring \w+ of \w+, whose consent list \d+ does not hold/)
})

t.test('a server that never hears that a consent was taken', async (t) => {
  class Keeps extends ServerNode {
    protected override tellHub(hub: Hub, event: EndpointEvent, now: { monotonicMs: number; wallMs: number }): void {
      if (event.kind !== 'frame' || event.frame.kind !== 'granted') super.tellHub(hub, event, now)
    }
  }
  t.match(finds('consent', server(Keeps)), /the server still holds a consent of person \d/)
})

t.test('a phone that cannot take a newer list', async (t) => {
  class Stuck extends DeviceNode {
    override start(): void {
      super.start()
      const { list } = this.machine!.parts
      const { take } = list
      list.take = (version, newer) => take.call(list, version, list.version === 0 ? newer : list.committed)
    }
  }
  t.match(finds('consent', device(Stuck)), /hold different lists|hold lists/)
})

/** A server between whose outbox and endpoints something goes wrong. */
function hooked(broken: (send: ServerSetting['onWebhook'], setting: ServerSetting) => ServerSetting['onWebhook']) {
  return {
    server: (setting: ServerSetting, disk: Disk) =>
      new ServerNode({ ...setting, onWebhook: broken(setting.onWebhook, setting) }, disk),
  }
}

/** The same within a life in which endpoints fail for long. */
const findsTold = (scenario: string, parts: Partial<WorldParts>): string => finds(scenario, parts, 6, 6000)

t.test('a sender of webhooks that lies, and one that makes something else of a repeat', async (t) => {
  const taken = { status: 204, failure: '', retryAfterMs: 0, latencyMs: 0 } as const
  const lying = hooked((send) => (request, answered) => {
    if (request.id.startsWith('ring_')) answered(taken)
    else send(request, answered)
  })
  t.match(findsTold('webhooks', lying), /endpoint \d was not told how ring \w+ ended/)
  let sent = 0
  const renaming = hooked((send) => (request, answered) => {
    send({ ...request, body: request.body.replaceAll('"id":"ring_', `"id":"ring_${++sent}_`) }, answered)
  })
  t.match(findsTold('webhooks', renaming), /the end of ring \w+ is told as ring_\w+, then as/)
  const altering = hooked((send) => (request, answered) => {
    send({ ...request, body: request.body.replaceAll('"reply":null', `"reply":"${++sent}"`) }, answered)
  })
  t.match(findsTold('webhooks', altering), /is told as .* by webhook and as .* else/)
})

t.test('a sender of webhooks that heeds nobody', async (t) => {
  const hasty = hooked((send) => (request, answered) => {
    send(request, (answer) => answered({ ...answer, retryAfterMs: 0 }))
  })
  t.match(findsTold('webhooks', hasty), /goes to endpoint \d \d+ ms too early/)
  const deaf = hooked((send) => (request, answered) => {
    send(request, (answer) => answered({ ...answer, failure: answer.failure === 'gone' ? 'status' : answer.failure }))
  })
  t.match(findsTold('webhooks', deaf), /goes to endpoint \d, which wants nothing more/)
})

t.test('a sender of webhooks that dawdles, and one that loses a change', async (t) => {
  const dawdling = hooked((send, { network: { queue } }) => (request, answered) => {
    const isChange = request.body.includes('presence.changed')
    queue.at(queue.nowMs + (isChange ? 4_000_000 : 0), () => send(request, answered))
  })
  t.match(findsTold('late webhooks', dawdling), /an hour old, and not the latest/)
  const losing = hooked((send) => (request, answered) => {
    send({ ...request, body: request.body.replaceAll('presence.changed', 'presence.lost') }, answered)
  })
  t.match(findsTold('webhooks', losing), /was told nothing of \w+, which reads online/)
})

t.test('without anything broken nothing is found', async (t) => {
  t.equal(finds('calm', {}, 1), '')
})
