/** Consent and revocation among three devices of one person: real machines, real hub, virtual time. */
import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { DeviceError } from '../../src/client/device-error.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import { deviceHandle } from '../../src/endpoint/device-handle.js'
import type { HubReply, HubRequest } from '../../src/hub/message.js'
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
const LINK = { latencyMs: 20, jitterMs: 20, lossRatio: 0.1, duplicateRatio: 0.05, bursts: null, nat: null }
const APP_ID = new Uint8Array(8).fill(0xaa)
const APP_HEX = 'aa'.repeat(8)
const REDIRECT = { redirectUri: 'https://chat.example/cb', challenge: 'c'.repeat(43) }

class Family {
  readonly queue = new EventQueue()
  readonly devices: DeviceNode[] = []
  readonly server: ServerNode
  readonly #replies: HubReply[] = []

  constructor(seed: string) {
    const random = new SeededRandom(seed)
    const network = new Network(this.queue, random.fork('network'))
    const bytes = (name: string) => random.fork(name).fill(new Uint8Array(32))
    const statics = keyPair(crypto, bytes('static'))
    const fail = (what: string): never => {
      throw new Error(what)
    }
    const disk = emptyDisk()
    this.server = new ServerNode(
      {
        crypto,
        random: random.fork('server'),
        network,
        workers: 1,
        slots: 8,
        staticKeys: [statics],
        cidKey: CID_KEY,
        resetKey: bytes('reset'),
        puidKey: bytes('puid'),
        apps: new Map([[1, APP_ID]]),
        epochMs: EPOCH_MS,
        watch: new ServerWatch(new ContactModel(fail), new AnswerMeter(fail), CID_KEY),
        attach: (ports: readonly ServerPort[] | null) => {
          network.servers = ports
        },
        onReply: (reply) => this.#replies.push(reply),
        onWebhook: () => {},
        onCrash: () => {},
      },
      disk,
    )
    for (const slot of [0, 1, 2]) {
      const own = random.fork(`device ${slot}`)
      const { secretKey, publicKey } = keyPair(crypto, own.fork('static').fill(new Uint8Array(32)))
      const psk = own.fork('psk').fill(new Uint8Array(32))
      const handle = deviceHandle(0, slot, 0)
      const row = { device: handle, person: 1, name: `${slot}`, publicKey, psk, stampMs: 0, rotation: 0, session: null }
      addStoredDevice(disk, row)
      const keys = { secretKey, publicKey, psk, serverKeys: [statics.publicKey] }
      this.devices.push(
        new DeviceNode({
          name: `${slot}`,
          handle,
          credentials: { deviceId: `dev_${slot}`, ...keys, endpoints: ['udp://sim:1'] },
          crypto,
          random: own,
          network,
          port: 0,
          link: LINK,
          now: () => ({ monotonicMs: this.queue.nowMs, wallMs: Math.floor(EPOCH_MS + this.queue.nowMs) }),
          keepaliveS: 30,
          tcpKeepaliveS: null,
          steps: null,
          onEvent: (node, event) => {
            if (event.kind !== 'key-offer') return
            this.queue.at(this.queue.nowMs, () => confirm(node, event.request))
          },
        }),
      )
    }
    this.server.start()
  }

  run(seconds: number): void {
    this.queue.runUntil(this.queue.nowMs + seconds * 1000)
  }

  /** The person agrees in a browser. @returns the PUID. */
  consent(): string {
    this.ask({ kind: 'consent', request: 1, app: 1, person: 1, ...REDIRECT, windows: [], zone: '' })
    const code = this.#last('consented').code
    this.ask({ kind: 'consent-exchange', request: 2, app: 1, code, ...REDIRECT })
    this.run(1)
    return this.#last('consent-exchanged').puid
  }

  state(puid: string): string {
    this.ask({ kind: 'presence', request: 3, app: 1, puids: [puid] })
    return this.#last('presence').views[0]?.state ?? 'unknown PUID'
  }

  ask(request: HubRequest): void {
    this.server.request(request)
  }

  /** Entries of the application in the lists of the devices that run. */
  get entries(): number {
    const lists = this.devices.flatMap(({ machine }) => machine?.parts.list.current.entries ?? [])
    return lists.length
  }

  #last<Kind extends HubReply['kind']>(kind: Kind): Extract<HubReply, { kind: Kind }> {
    return this.#replies.findLast((reply) => reply.kind === kind) as Extract<HubReply, { kind: Kind }>
  }
}

/** The person may press the button just when the offer has ended: another device gave the key. */
function confirm(node: DeviceNode, request: number): void {
  try {
    node.do((machine, now) => machine.confirmKeyOffer(request, now))
  } catch (error) {
    if (!(error instanceof DeviceError && error.code === 'PL_OFFER_UNKNOWN')) throw error
  }
}

for (const seed of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
  t.test(`one revokes while another is off and a third enrols: nothing comes back (${seed})`, async (t) => {
    const house = new Family(seed)
    const [first, second, third] = house.devices as [DeviceNode, DeviceNode, DeviceNode]
    first.start()
    second.start()
    house.run(30)
    const puid = house.consent()
    const random = new SeededRandom(`cut ${seed}`)
    // The second one may be caught while it puts the consent into the list.
    house.run(random.uniform() * 2)
    second.kill()
    house.run(120)
    t.equal(house.state(puid), 'online', 'it got into the list')
    t.equal(house.server.metrics()?.['grantsWaiting'], 0)
    first.do((machine, now) => machine.forget(APP_HEX, now))
    house.run(random.uniform() * 2)
    third.start()
    house.run(30)
    second.start()
    house.run(30)
    if (seed > 'd') {
      house.server.crash()
      house.server.start()
    }
    house.run(120)
    t.equal(house.entries, 0, 'no device has it')
    t.equal(first.machine?.parts.list.version, second.machine?.parts.list.version)
    t.not(house.state(puid), 'online')
    const again = house.consent()
    t.not(again, puid)
    house.run(120)
    t.equal(house.state(again), 'online')
    t.equal(house.entries, 3)
  })
}
