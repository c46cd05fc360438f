/** Rings to devices whose mapping is gone: unseen in the middle of a ring, or long before it. */
import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { DeviceEvent } from '../../src/client/event.js'
import type { HubReply, RingView } from '../../src/hub/message.js'
import { DeviceNode, type DeviceSetting } from '../../src/sim/device-node.js'
import { idealCrypto } from '../../src/sim/ideal-crypto.js'
import { SCENARIOS } from '../../src/sim/scenario.js'
import { ServerNode } from '../../src/sim/server-node.js'
import { World } from '../../src/sim/world.js'

const BASE = { ...SCENARIOS[0]!, persons: 1, devicesPerPerson: 1, workers: 1 }

/** One person with one phone, who is on line and shows themselves. Nobody answers rings. */
class Home {
  readonly world: World
  readonly shown = new Map<string, number>()
  readonly views: RingView[] = []

  constructor(keepaliveS: number, seed: number) {
    const { shown, views } = this
    class Phone extends DeviceNode {
      constructor(setting: DeviceSetting) {
        super({ ...setting, onEvent: (device, event) => setting.onEvent(device, event) })
      }
      protected override tell(event: DeviceEvent): void {
        if (event.kind !== 'ring') super.tell(event)
        else shown.set(event.ring, this.setting.network.queue.nowMs)
      }
    }
    class Server extends ServerNode {
      protected override reply(reply: HubReply): void {
        if (reply.kind === 'ring' || reply.kind === 'ring-change') views.push(reply.ring)
        super.reply(reply)
      }
    }
    this.world = new World({ ...BASE, keepaliveS }, seed, idealCrypto, {
      device: (setting) => new Phone(setting),
      server: (setting, disk) => new Server(setting, disk),
    })
    this.world.startServer()
    this.phone.start()
    this.run(5)
    for (const { appId } of this.world.services) this.phone.do((machine, now) => machine.allow(appId, {}, now))
    this.run(5)
    for (const { appId } of this.world.services) this.phone.do((machine, now) => machine.requestPuid(appId, now))
    this.run(5)
  }

  get phone(): DeviceNode {
    return this.world.devices[0]!
  }

  get nowMs(): number {
    return this.world.queue.nowMs
  }

  run(seconds: number): void {
    this.world.queue.runUntil(this.nowMs + seconds * 1000)
  }

  ring(deadlineInMs: number): void {
    const rest = { strategy: 'all', stepMs: 0, collapseKey: '', idempotencyKey: '' } as const
    const to = [this.world.services[0]!.puids.get(1)!]
    const ring = { to, title: 'x', body: '', url: '', payload: '', deadlineInMs, ...rest }
    this.world.server.request({ kind: 'ring', request: 1e9 + 9000, app: 1, ring })
  }

  /** The next packet of the phone arrives. */
  ping(): void {
    const isIdle = this.phone.machine!.parts.keepalive.state === 'idle'
    this.phone.do((machine, now) => machine.setState(isIdle ? 'active' : 'idle', now))
  }
}

t.test('a NAT that rebinds unseen in the middle of a ring: it rings within 3 s of the next packet', async (t) => {
  const random = new SeededRandom('rebinds')
  for (let seed = 1; seed <= 60; seed++) {
    const home = new Home(60, seed)
    home.run(random.uniform() * 30)
    // Before, while or after the ring goes out: its commit and its way take some 100 ms.
    const rebindsAfterS = random.uniform() * 0.25
    home.world.later(rebindsAfterS, () => home.phone.path.rebind())
    home.world.later(0.1, () => home.ring(40_000))
    home.run(1 + random.uniform() * 20)
    const pingedMs = home.nowMs
    if (home.shown.size === 0) home.ping()
    home.run(3)
    t.equal(home.shown.size, 1, `seed ${seed}, rebound after ${rebindsAfterS} s`)
    const [shownMs = 0] = home.shown.values()
    t.ok(shownMs <= pingedMs + 3000)
  }
})

t.test('a ring to a mapping that died waits for the next ping, and its sender sees why', async (t) => {
  const home = new Home(1800, 1)
  home.run(100)
  home.phone.path.rebind()
  home.ring(120_000)
  home.run(1)
  t.match(home.views.at(-1), { state: 'sent' }, 'it may yet be answered')
  home.run(9)
  t.match(home.views.at(-1), { state: 'queued', reason: 'unanswered' })
  home.run(50)
  t.equal(home.shown.size, 0)
  home.ping()
  home.run(3)
  t.equal(home.shown.size, 1)
  t.match(home.views.at(-1), { state: 'delivered', reason: '' })
  home.run(100)
  t.match(home.views.at(-1), { state: 'missed' })
})

t.test('nobody comes: it is missed at its deadline', async (t) => {
  const home = new Home(1800, 2)
  home.phone.path.rebind()
  home.ring(30_000)
  home.run(31)
  t.match(home.views.at(-1), { state: 'missed', reason: '' })
})
