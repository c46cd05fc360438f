import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import type { Transmit } from '../../src/endpoint/message.js'
import type { ServerFrame } from '../../src/frame/frame.js'
import { Flag } from '../../src/packet/constants.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, Pair } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const B = addressOf(2)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const
const kinds = (frames: readonly ServerFrame[]): string[] => frames.map(({ kind }) => kind)
const bytesOf = (sent: readonly Transmit[]): number => sent.reduce((sum, { bytes }) => sum + bytes.length, 0)

t.test(
  '[R-8.2-1] a packet on an unconfirmed session is answered by BOOT, PONG and CHALLENGE, and has no effect',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    const next = pair.restart()
    t.equal(next.endpoint.metrics().sessions, 1)
    t.equal(next.endpoint.nextTimeout(), Infinity, 'nobody is waited for')
    const sent = next.deliver(
      device.seal([
        { ...PING, state: 'idle' },
        { kind: 'sync', version: 3 },
      ]),
      A,
    )
    t.equal(sent.length, 1)
    t.same(sent[0]!.remote, A)
    t.equal(sent[0]!.bytes[0]! & (Flag.boot | Flag.long), Flag.boot | Flag.long)
    t.equal(sent[0]!.bytes.length, 45)
    t.same(kinds(device.openAll(sent)), ['pong', 'challenge'])
    t.same(next.takeEvents(), [], 'no presence, no frames')
    t.equal(next.dropped('unconfirmed'), 1)
    t.equal(next.store.requests.length, pair.store.requests.length, 'nothing is stored')
  },
)

t.test('[R-8.2-1] at most one answer a second for each session, also to one that moves about', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const next = pair.restart()
  let answers = 0
  for (let i = 0; i < 50; i++) {
    answers += next.deliver(device.ping(), addressOf(i % 7)).length
    answers += next.advance(20).length
  }
  t.ok(answers <= 2, `${answers} answers in a second`)
})

t.test('[R-8.2-1] the answer is at most twice what came', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.exchange([PING], A)
  const next = pair.restart()
  for (const frames of [[], [PING]] as const) {
    const datagram = device.seal(frames)
    t.ok(datagram.length <= 24)
    t.ok(bytesOf([...next.deliver(datagram, B), ...next.advance(20_000)]) <= 2 * datagram.length)
  }
})

t.test('[R-8.2-2] the RESPONSE confirms; its packet takes effect, older ones do not any more', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const late = device.ping()
  const next = pair.restart()
  const answer = device.openAll(next.deliver(device.ping(), A))
  const challenge = answer.find((frame) => frame.kind === 'challenge')!.challenge
  const response = device.seal([
    { ...PING, state: 'idle' },
    { kind: 'response', challenge },
    { kind: 'sync', version: 3 },
  ])
  const sent = next.deliver(response, A)
  t.equal(kinds(device.openAll(sent))[0], 'pong')
  t.match(next.takeEvents(), [
    { kind: 'contact', device: device.handle, state: 'idle', fresh: true },
    { kind: 'frame', frame: { kind: 'sync', version: 3 } },
  ])
  t.same(next.deliver(late, A), [])
  t.same(next.deliver(response, A), [])
  t.equal(next.dropped('replay'), 2)
  t.equal(next.endpoint.metrics().sessionsConfirmed, 1)
})

t.test('[R-8.2-2] a RESPONSE from elsewhere, or with other bytes, does not confirm', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const next = pair.restart()
  const answer = device.openAll(next.deliver(device.ping(), A))
  const challenge = answer.find((frame) => frame.kind === 'challenge')!.challenge
  next.deliver(device.seal([PING, { kind: 'response', challenge: new Uint8Array(8) }]), A)
  t.equal(next.endpoint.metrics().sessionsConfirmed, 0)
  next.deliver(device.seal([PING, { kind: 'response', challenge }]), B)
  t.equal(next.endpoint.metrics().sessionsConfirmed, 0)
  t.same(next.takeEvents(), [])
})

t.test('[R-8.2-3] the hub is told that the contact is fresh, so that it sends STATE', async (t) => {
  const { next, device } = restarted()
  t.match(next.takeEvents(), [{ kind: 'contact', fresh: true }])
  device.openAll(next.deliver(device.ping(), A))
  t.same(next.takeEvents(), [])
})

/** A server that was restarted, and a device that was heard and has confirmed. */
function restarted(
  pair = new Pair(crypto),
  afterMs = 5000,
): { pair: Pair; next: Pair; device: ReturnType<Pair['join']> } {
  const device = pair.join()
  const next = pair.restart(afterMs)
  confirm(next, device, A)
  return { pair, next, device }
}

function confirm(next: Pair, device: ReturnType<Pair['join']>, remote: Uint8Array): ServerFrame[] {
  const answer = device.openAll(next.deliver(device.ping(), remote))
  const challenge = answer.find((frame) => frame.kind === 'challenge')!.challenge
  return device.openAll(next.deliver(device.seal([PING, { kind: 'response', challenge }]), remote))
}

t.test('[R-8.2-4] the confirmed h is stored at once', async (t) => {
  const { next, device } = restarted()
  const h = next.store.rows.get(device.handle)!.session!.subarray(60, 66)
  t.equal(Number.parseInt(hex(h), 16), device.sender.number)
})

t.test('after the confirmation the channel is back to 24 B and 19 B', async (t) => {
  const { next, device } = restarted()
  device.openAll(next.deliver(device.ping(), A))
  const ping = device.ping()
  t.equal(ping.length, 24)
  const [pong] = next.deliver(ping, A)
  t.equal(pong!.bytes.length, 19)
})

t.test("yesterday's packets, replayed after a crash with a stale store, have no effect", async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const stale = pair.store.clone()
  const recorded: Uint8Array[] = []
  for (let i = 0; i < 150; i++) {
    const state = i % 2 === 0 ? 'gone' : 'idle'
    const datagram = device.seal([
      { kind: 'ping', state, silenceClass: 0 },
      { kind: 'sync', version: i },
    ])
    recorded.push(datagram)
    device.openAll(pair.deliver(datagram, A))
  }
  device.reboot()
  const rebooted = device.seal([PING, { kind: 'close', code: 0 }])
  recorded.push(rebooted)
  const next = pair.restart(5000, stale)
  for (const datagram of recorded) {
    next.deliver(datagram, B)
    next.advance(500)
  }
  t.same(next.takeEvents(), [])
  t.equal(next.endpoint.metrics().sessions, 1)
  t.equal(next.endpoint.metrics().sessionsConfirmed, 0)
  t.equal(next.store.requests.length, 0)
  next.advance(20_000)
  confirm(next, device, A)
  t.match(next.takeEvents(), [{ kind: 'contact', state: 'active', fresh: true }])
  for (const datagram of recorded) t.same(next.deliver(datagram, B), [], 'and none after it')
  t.same(next.takeEvents(), [])
})

t.test('[R-8.2-1] a new D is taken on an unconfirmed session, or the answer could not be read', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const next = pair.restart()
  device.reboot()
  confirm(next, device, A)
  t.match(next.takeEvents(), [{ kind: 'contact', fresh: true }])
})

t.test('an unconfirmed session sends nothing of the hub, and ends nothing at malformed packets', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const next = pair.restart()
  const state = { kind: 'state', id: 4000, version: 0, flags: 0 } as const
  const result = { kind: 'list-result', version: 1, code: 0 } as const
  const untilMonotonicMs = next.now.monotonicMs + 60_000
  t.same(next.command({ kind: 'send', device: device.handle, frames: [result, state], untilMonotonicMs }), [])
  t.same(next.takeEvents(), [{ kind: 'unacked', device: device.handle, id: 4000 }])
  t.same(next.deliver(device.sealBytes(Uint8Array.of(0xf4)), A), [])
  t.equal(next.dropped('malformed'), 1)
  t.equal(next.endpoint.metrics().sessions, 1)
})

t.test('the spare that comes with the RESPONSE moves the session', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const next = pair.restart()
  device.moveToSpare()
  const answer = device.openAll(next.deliver(device.ping(), B))
  t.equal(next.store.rows.get(device.handle)?.rotation, 2, 'not before')
  const challenge = answer.find((frame) => frame.kind === 'challenge')!.challenge
  const frames = device.openAll(next.deliver(device.seal([PING, { kind: 'response', challenge }]), B))
  t.same(kinds(frames), ['pong', 'new-cid'])
  t.equal(next.store.rows.get(device.handle)?.rotation, 3)
})

t.test('a session that was saved by another version is not loaded', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const row = pair.store.rows.get(device.handle)!
  row.session = row.session!.with(0, 9)
  const next = pair.restart()
  t.equal(next.endpoint.metrics().sessions, 0)
  t.equal(next.deliver(device.ping(), A)[0]?.bytes.length, 13, 'a reset, so that the device handshakes')
  next.advance(1000)
  device.handshake.call(Object.assign(device, { pair: next }), A)
  t.equal(next.endpoint.metrics().sessions, 1)
})

/** Every (key, nonce) pair that goes through `seal`. */
function watching(uses: string[]): Crypto {
  return {
    ...crypto,
    seal(key, nonce, aad, plaintext) {
      uses.push(`${hex(key)} ${hex(nonce)}`)
      return crypto.seal(key, nonce, aad, plaintext)
    },
  }
}

t.test('a store that is copied and started twice never uses a key and packet number twice', async (t) => {
  const uses: string[] = []
  const pair = new Pair(watching(uses))
  const device = pair.join()
  for (let i = 0; i < 10; i++) device.exchange([PING], A)
  const copy = pair.store.clone()
  const recorded = Array.from({ length: 30 }, () => device.ping())
  for (const store of [pair.store, copy]) {
    // The same second: only the random half of the boot value differs.
    const next = pair.restart(5000, store)
    next.advance(1)
    for (const datagram of recorded) {
      next.deliver(datagram, A)
      next.advance(1001)
    }
  }
  t.ok(uses.length > 80)
  t.equal(new Set(uses).size, uses.length)
})

t.test('a device clone and a server clone never meet on a key', async (t) => {
  const uses: string[] = []
  const pair = new Pair(watching(uses))
  const device = pair.join()
  const { saveSession } = await import('../../src/session/saved.js')
  const saved = saveSession(device.view)
  for (let i = 0; i < 3; i++) {
    device.reboot(saved, 10)
    for (let n = 0; n < 20; n++) pair.deliver(device.ping(), A)
  }
  t.equal(new Set(uses).size, uses.length)
})

t.test('[R-8.2-5] who replays recorded packets after a restart does not keep the device out', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const recorded = Array.from({ length: 20 }, () => device.ping())
  const next = pair.restart()
  let answers = 0
  const replay = (times: number): void => {
    for (let i = 0; i < times; i++) {
      answers += next.deliver(recorded[i % recorded.length]!, B).length + next.advance(20).length
    }
  }
  replay(100)
  t.ok(answers <= 3, `each recorded packet counts once: ${answers} answers`)
  const challenges: ServerFrame[] = device.openAll([...next.deliver(device.ping(), A), ...next.advance(1000)])
  replay(100)
  device.openAll(next.advance(0))
  const frames = challenges.filter(({ kind }) => kind === 'challenge')
  t.equal(frames.length, 1)
  device.openAll(
    next.deliver(
      device.seal([PING, { kind: 'response', challenge: (frames[0] as { challenge: Uint8Array }).challenge }]),
      A,
    ),
  )
  t.equal(next.endpoint.metrics().sessionsConfirmed, 1)
})
