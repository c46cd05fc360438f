/** One phone, from UDP to WebSocket and back, whole: its session stays, and rings reach it on both. */
import t from 'tap'
import type { DeviceEvent } from '../../src/client/event.js'
import { DeviceNode } from '../../src/sim/device-node.js'
import { idealCrypto } from '../../src/sim/ideal-crypto.js'
import type { UdpRule } from '../../src/sim/network.js'
import { SCENARIOS } from '../../src/sim/scenario.js'
import { World } from '../../src/sim/world.js'

const BASE = { ...SCENARIOS[0]!, persons: 1, devicesPerPerson: 1, workers: 1, keepaliveS: 30, tcpKeepaliveS: 120 }

class Home {
  readonly world: World
  /** virtual ms at which rings were shown */
  readonly shown: number[] = []

  constructor(seed: number) {
    const { shown } = this
    class Phone extends DeviceNode {
      protected override tell(event: DeviceEvent): void {
        if (event.kind === 'ring') shown.push(this.setting.network.queue.nowMs)
        else super.tell(event)
      }
    }
    this.world = new World(BASE, seed, idealCrypto, { device: (setting) => new Phone(setting) })
    this.world.startServer()
    this.phone.start()
    this.run(5)
    for (const { appId } of this.world.services) this.phone.do((machine, now) => machine.allow(appId, {}, now))
    this.run(10)
    for (const { appId } of this.world.services) this.phone.do((machine, now) => machine.requestPuid(appId, now))
    this.run(5)
  }

  get phone(): DeviceNode {
    return this.world.devices[0]!
  }

  run(seconds: number): void {
    this.world.queue.runUntil(this.world.queue.nowMs + seconds * 1000)
  }

  /** @returns ms until a ring is shown, Infinity if it is not within 3 s. */
  ringMs(): number {
    const startMs = this.world.queue.nowMs
    const before = this.shown.length
    const rest = { strategy: 'all', stepMs: 0, collapseKey: '', idempotencyKey: '' } as const
    const to = [this.world.services[0]!.puids.get(1)!]
    const ring = { to, title: 'x', body: '', url: '', payload: '', deadlineInMs: 10_000, ...rest }
    this.world.server.request({ kind: 'ring', request: 1e9 + 9000 + before, app: 1, ring })
    this.run(3)
    return (this.shown[before] ?? Infinity) - startMs
  }
}

for (const rule of ['blocked', 'outbound'] as const satisfies UdpRule[]) {
  t.test(`[R-8.3-9] [R-8.3-10] UDP ${rule} for a while: WebSocket, then UDP again, by one handshake`, async (t) => {
    for (let seed = 1; seed <= 20; seed++) {
      const home = new Home(seed)
      t.equal(home.phone.kind, 'udp')
      home.phone.path.udp = rule
      home.run(45)
      t.equal(home.phone.kind, 'tcp', `seed ${seed}: on WebSocket within an interval and the patience`)
      t.ok(home.ringMs() < 3000, `seed ${seed}: rings by WebSocket`)
      home.phone.path.udp = 'open'
      home.run(900)
      t.equal(home.phone.kind, 'udp', `seed ${seed}: the first trial finds it`)
      t.ok(home.ringMs() < 3000, `seed ${seed}: rings by UDP`)
      t.equal(home.phone.handshakes, 1)
    }
  })
}

t.test('[R-8.3-10] a change of network begins with UDP', async (t) => {
  const home = new Home(1)
  home.phone.path.udp = 'blocked'
  home.run(45)
  home.phone.path.join()
  home.phone.networkChanged()
  t.equal(home.phone.kind, 'udp')
  home.run(3)
  t.ok(home.ringMs() < 3000)
  t.equal(home.phone.handshakes, 1)
})

t.test('a connection that vanishes is noticed by the next ping, and opened anew', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const home = new Home(seed)
    home.phone.path.udp = 'blocked'
    home.run(45)
    const [first] = home.phone.path.sockets
    first!.connection.vanish()
    home.run(120 + 20)
    t.ok(home.ringMs() < 3000, `seed ${seed}`)
    t.not([...home.phone.path.sockets][0], first)
    t.equal(home.phone.handshakes, 1)
  }
})
