/**
 * Random courses of the channel: two devices, a server that crashes, a network that loses, doubles, reorders, moves and
 * mangles. Hostile datagrams have no effect and no longer answer, and whatever came before, a device that handshakes anew is
 * served. Courses of rings: test/hub/ring-exactly-once.test.ts.
 */
import fc from 'fast-check'
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import type { Transmit } from '../../src/endpoint/message.js'
import type { DeviceFrame, ServerFrame } from '../../src/frame/frame.js'
import { testCrypto } from '../support/crypto.js'
import { deviceFrames, serverFrames } from '../support/frames.js'
import { fuzzing } from '../support/fuzzing.js'
import { flipped } from '../support/hostile-bytes.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
/** What an answer to a stranger may have of its trigger, [R-3-3]. */
const ANSWER_MAX = 0.6

type Op =
  | { do: 'ping'; who: number; state: 'active' | 'idle' | 'gone'; ask: boolean; isRetry: boolean }
  | { do: 'send'; who: number; frames: DeviceFrame[] }
  | { do: 'handshake'; who: number }
  | { do: 'reboot'; who: number }
  | { do: 'command'; who: number; frame: ServerFrame }
  | { do: 'up'; index: number; address: number; isKept: boolean }
  | { do: 'down'; index: number }
  | { do: 'hostile'; index: number; address: number; bit: number; isDown: boolean }
  | { do: 'advance'; ms: number }
  | { do: 'crash' }

const who = fc.nat(1)
const index = fc.nat(20)
const address = fc.integer({ min: 1, max: 4 })
const of = <Do extends Op['do']>(name: Do) => ({ do: fc.constant(name) })
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      ...of('ping'),
      who,
      state: fc.constantFrom('active' as const, 'active' as const, 'idle' as const, 'gone' as const),
      ask: fc.boolean(),
      isRetry: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...of('send'),
      who,
      frames: fc.array(fc.oneof(...Object.values(deviceFrames)), { maxLength: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ ...of('handshake'), who }) },
  { weight: 1, arbitrary: fc.record({ ...of('reboot'), who }) },
  { weight: 2, arbitrary: fc.record({ ...of('command'), who, frame: serverFrames.notify }) },
  { weight: 9, arbitrary: fc.record({ ...of('up'), index, address, isKept: fc.boolean() }) },
  { weight: 9, arbitrary: fc.record({ ...of('down'), index }) },
  { weight: 4, arbitrary: fc.record({ ...of('hostile'), index, address, bit: fc.nat(9999), isDown: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ ...of('advance'), ms: fc.constantFrom(1, 300, 5_000, 200_000) }) },
  { weight: 1, arbitrary: fc.record(of('crash')) },
)

/** One server after another, two devices, and the datagrams between them. */
class Course {
  pair = new Pair(crypto, { options: { slots: 16 } })
  readonly devices: TestDevice[] = [this.pair.join(addressOf(1)), this.pair.join(addressOf(2))]
  readonly up: Uint8Array[] = []
  readonly down: { device: TestDevice; bytes: Uint8Array }[] = []

  constructor() {
    for (const device of this.devices) device.noise = null
  }

  apply(op: Op): void {
    const device = this.devices['who' in op ? op.who : 0] as TestDevice
    switch (op.do) {
      case 'ping': {
        const { state, ask, isRetry } = op
        this.up.push(device.ping({ state, ask, retry: isRetry && ask && device.asked.length > 0 }))
        break
      }
      case 'send':
        this.up.push(device.seal(op.frames))
        break
      case 'handshake':
        this.up.push(device.message1())
        break
      case 'reboot':
        device.reboot(undefined, this.up.length + 1)
        break
      case 'command': {
        const untilMonotonicMs = this.pair.now.monotonicMs + 10_000
        this.sent(this.pair.command({ kind: 'send', device: device.handle, frames: [op.frame], untilMonotonicMs }))
        break
      }
      case 'up': {
        const bytes = this.up[op.index % this.up.length]
        if (bytes === undefined) break
        if (!op.isKept) this.up.splice(op.index % this.up.length, 1)
        this.sent(this.pair.deliver(bytes, addressOf(op.address)))
        break
      }
      case 'down': {
        const [one] = this.down.splice(op.index % Math.max(this.down.length, 1), 1)
        if (one?.bytes[0] === 3) {
          if (one.device.readMessage2(one.bytes) !== null) one.device.noise = null
        } else if (one !== undefined) one.device.open(one.bytes)
        break
      }
      case 'hostile':
        this.hostile(op)
        break
      case 'advance':
        this.sent(this.pair.advance(op.ms))
        break
      case 'crash':
        this.pair = this.pair.restart(2_000)
        break
    }
  }

  /** Any device may get what is sent: those of others do not open. */
  sent(all: readonly Transmit[]): void {
    for (const { bytes } of all) for (const device of this.devices) this.down.push({ device, bytes })
    this.down.splice(0, Math.max(this.down.length - 40, 0))
  }

  /** A flipped datagram, or one of the server reflected. */
  hostile({ index, address, bit, isDown }: Extract<Op, { do: 'hostile' }>): void {
    const all = isDown ? this.down.map(({ bytes }) => bytes) : this.up
    const good = all[index % all.length]
    if (good === undefined) return
    const bytes = isDown ? good : flipped(good, bit % (good.length * 8))
    const { store, endpoint } = this.pair
    const before = [store.requests.length, this.pair.events.length, endpoint.metrics().sessions]
    const answers = this.pair.deliver(bytes, addressOf(address))
    const after = [store.requests.length, this.pair.events.length, endpoint.metrics().sessions]
    const answerBytes = answers.reduce((sum, one) => sum + one.bytes.length, 0)
    if (`${before}` !== `${after}` || answerBytes > ANSWER_MAX * bytes.length)
      throw new Error(`effect of ${hex(bytes)}`)
  }

  /** Each device handshakes with a server that was left alone for a while, and is served. */
  settle(): void {
    this.pair.advance(3_600_000)
    for (const [n, device] of this.devices.entries()) {
      const remote = addressOf(7 + n)
      const [message2] = this.pair.deliver(device.message1({ stampMs: this.pair.now.wallMs + n }), remote)
      if (device.readMessage2(message2?.bytes ?? new Uint8Array(67))?.kind !== 'acceptance')
        throw new Error('no session')
      const frames = device.openAll(this.pair.deliver(device.ping(), remote))
      if (frames[0]?.kind !== 'pong') throw new Error('no pong')
    }
    const { handshakesPending } = this.pair.endpoint.metrics()
    if (handshakesPending !== 0) throw new Error(`${handshakesPending} handshakes are left over`)
  }
}

t.test(
  '[R-3-3] [R-3-4] whatever comes in whatever order, nobody is locked out and nothing forged counts',
  async (t) => {
    const settings = fuzzing(80)
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60, size: 'max' }), (ops) => {
        const course = new Course()
        for (const one of ops) course.apply(one)
        course.settle()
      }),
      settings,
    )
    t.pass(`${settings.numRuns} courses`)
  },
)
