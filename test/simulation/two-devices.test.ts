/** Two devices of one person change the list at once: real machines, real endpoint, real hub, in virtual time. */
import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import { deviceHandle } from '../../src/endpoint/device-handle.js'
import { EMPTY_LIST, encodePersonList } from '../../src/frame/person-list.js'
import { AnswerMeter } from '../../src/sim/answer-meter.js'
import { ContactModel } from '../../src/sim/contact-model.js'
import { DeviceNode } from '../../src/sim/device-node.js'
import { EventQueue } from '../../src/sim/event-queue.js'
import { Network, type ServerPort } from '../../src/sim/network.js'
import { ServerNode } from '../../src/sim/server-node.js'
import { ServerWatch } from '../../src/sim/server-watch.js'
import { addStoredDevice, emptyDisk } from '../../src/sim/sim-store.js'

const EPOCH_MS = 1_700_000_000_000
const CID_KEY = new SeededRandom('cid').fill(new Uint8Array(32))
const LINK = { latencyMs: 20, jitterMs: 20, lossRatio: 0, duplicateRatio: 0, bursts: null, nat: null }

const appOf = (number: number): string => number.toString(16).padStart(16, '0')

/** A person with two devices that share the list. */
class Family {
  readonly queue = new EventQueue()
  readonly devices: DeviceNode[] = []
  readonly #server: ServerNode
  /** Edits of each device that were settled, by number. */
  readonly settled = [new Set<number>(), new Set<number>()]
  readonly #network: Network

  constructor(seed: string) {
    const random = new SeededRandom(seed)
    const network = new Network(this.queue, random.fork('network'))
    this.#network = network
    const bytes = (name: string) => random.fork(name).fill(new Uint8Array(32))
    const statics = keyPair(crypto, bytes('static'))
    const keys = { cidKey: CID_KEY, resetKey: bytes('reset'), puidKey: bytes('puid'), staticKeys: [statics] }
    const fail = (what: string): never => {
      throw new Error(what)
    }
    const watch = new ServerWatch(new ContactModel(fail), new AnswerMeter(fail), CID_KEY)
    const attach = (ports: readonly ServerPort[] | null) => {
      network.servers = ports
    }
    const silent = { watch, attach, slots: 8, onReply: () => {}, onWebhook: () => {}, onCrash: () => {} }
    const server = { crypto, random: random.fork('server'), network, workers: 1, apps: new Map(), epochMs: EPOCH_MS }
    this.#server = new ServerNode({ ...server, ...keys, ...silent }, emptyDisk())
    for (const slot of [0, 1]) this.#addDevice(slot, random.fork(`device ${slot}`), statics.publicKey)
    this.#server.start()
    for (const device of this.devices) device.start()
  }

  /** Datagrams so far. */
  get datagrams(): number {
    return this.#network.datagrams
  }

  run(ms: number): void {
    this.queue.runUntil(this.queue.nowMs + ms)
  }

  allow(slot: number, app: string): number {
    let number = 0
    this.devices[slot]?.do((machine, now) => {
      number = machine.allow(app, {}, now)
    })
    return number
  }

  /** What each device shows. */
  lists(): string[] {
    return this.devices.map(({ machine }) => {
      const { version, committed } = machine?.parts.list ?? { version: 0, committed: EMPTY_LIST }
      return `${version} ${encodePersonList(committed)}`
    })
  }

  #addDevice(slot: number, random: SeededRandom, serverKey: Uint8Array): void {
    const { secretKey, publicKey } = keyPair(crypto, random.fork('static').fill(new Uint8Array(32)))
    const psk = random.fork('psk').fill(new Uint8Array(32))
    const handle = deviceHandle(0, slot, 0)
    const row = { device: handle, person: 1, name: `${slot}`, publicKey, psk, stampMs: 0, rotation: 0, session: null }
    addStoredDevice(this.#server.disk, row)
    const keys = { secretKey, publicKey, psk, serverKeys: [serverKey] }
    const device = new DeviceNode({
      name: `${slot}`,
      handle,
      credentials: { deviceId: `dev_${slot}`, ...keys, endpoints: ['udp://sim:1'] },
      crypto,
      random,
      network: this.#network,
      port: 0,
      link: LINK,
      now: () => ({ monotonicMs: this.queue.nowMs, wallMs: Math.floor(EPOCH_MS + this.queue.nowMs) }),
      keepaliveS: 30,
      tcpKeepaliveS: null,
      steps: null,
      onEvent: (node, event) => {
        if (event.kind === 'list-changed') for (const number of event.settled) this.settled[slot]?.add(number)
        if (event.kind === 'key-offer') {
          this.queue.at(this.queue.nowMs, () => node.do((machine, now) => machine.confirmKeyOffer(event.request, now)))
        }
      },
    })
    this.devices.push(device)
  }

  /** Passes time until both edits are settled and both devices hold one list. @returns how long that took, ms. */
  untilShared(numbers: readonly number[]): number {
    const startMs = this.queue.nowMs
    const isShared = () =>
      numbers.every((number, slot) => this.settled[slot]?.has(number)) && new Set(this.lists()).size === 1
    while (!isShared() && this.queue.nowMs - startMs < 60_000) this.run(10)
    return this.queue.nowMs - startMs
  }
}

/** A family whose list has so many applications. */
function family(seed: string, apps: number): Family {
  const house = new Family(seed)
  house.run(2000)
  for (let app = 1; app <= apps; app++) house.allow(0, appOf(app))
  house.run(20_000)
  return house
}

for (const apps of [1, 200]) {
  t.test(`[R-10-3] both are committed within a second or so: a list of ${apps}`, async (t) => {
    for (const seed of ['a', 'b', 'c']) {
      const house = family(`${seed} ${apps}`, apps)
      t.equal(new Set(house.lists()).size, 1, 'they share the list')
      const took: number[] = []
      for (let round = 0; round < 10; round++) {
        // At once, or as near as to meet the other's commit at any of its steps.
        const apart = round * 15
        const first = house.allow(round % 2, appOf(1000 + 2 * round))
        house.run(apart)
        const second = house.allow(1 - (round % 2), appOf(1001 + 2 * round))
        took.push(apart + house.untilShared(round % 2 === 0 ? [first, second] : [second, first]))
        house.run(300)
      }
      t.ok(Math.max(...took) < (apps === 1 ? 1000 : 2000), `took ${took.map(Math.round).join(', ')} ms`)
      const { machine } = house.devices[0] as DeviceNode
      t.equal(machine?.parts.list.committed.entries.length, apps + 20)
    }
  })
}
