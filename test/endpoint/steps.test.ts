import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { type KeyPair, keyPair } from '../../src/crypto/key-pair.js'
import type { DeviceFrame, ServerFrame } from '../../src/frame/frame.js'
import { FAILED_OPENS_STEP, Flag, STEP_RATE } from '../../src/packet/constants.js'
import { keyedRoot, symmetricRoot } from '../../src/packet/step-root.js'
import { changeRoot } from '../../src/session/keys.js'
import { Offset, RECORD_BYTES } from '../../src/session/record.js'
import { saveSession } from '../../src/session/saved.js'
import { testCrypto } from '../support/crypto.js'
import { flipped } from '../support/hostile-bytes.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const B = addressOf(2)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const
const SYMMETRIC: DeviceFrame = { kind: 'step', key: null }
const kinds = (frames: readonly ServerFrame[]): string[] => frames.map(({ kind }) => kind)

/** A key of the device for one step. */
function ownKey(device: TestDevice): KeyPair {
  return keyPair(crypto, device.random.fill(new Uint8Array(32)))
}

/** The frame STEP for a key, or for none. */
const step = (own: KeyPair | null): DeviceFrame => ({ kind: 'step', key: own?.publicKey ?? null })

/** The device takes the step that STEPPED answers. */
function takeStepped(device: TestDevice, own: KeyPair | null, frames: readonly ServerFrame[]): void {
  const stepped = frames.find((frame) => frame.kind === 'stepped')
  if (stepped === undefined) throw new Error('no STEPPED')
  const root = device.view.read(Offset.root, new Uint8Array(32))
  const { key } = stepped
  const next =
    own === null || key === null
      ? symmetricRoot(crypto, root)
      : keyedRoot(crypto, root, own.secretKey, key, { deviceKey: own.publicKey, serverKey: key })
  changeRoot(device.view, device.context, next as Uint8Array, device.boot)
  device.asked.length = 0
}

/** Asks for a step, takes it, and sends the first packet under the new root. */
function stepOn(device: TestDevice, own: KeyPair | null): ServerFrame[] {
  takeStepped(device, own, device.exchange([PING, step(own)], A))
  return device.exchange([PING], A)
}

function viewOf(pair: Pair, device: TestDevice) {
  return pair.slab.view().at(device.slot)
}
const rootOf = (pair: Pair, device: TestDevice): string =>
  hex(viewOf(pair, device).read(Offset.root, new Uint8Array(32)))
const savedOf = (pair: Pair, device: TestDevice): Uint8Array =>
  pair.store.rows.get(device.handle)?.session as Uint8Array

for (const name of ['symmetric', 'keyed'] as const) {
  const own = (device: TestDevice): KeyPair | null => (name === 'keyed' ? ownKey(device) : null)

  t.test(`[R-5.6-2] a ${name} step is answered by PONG at once, and by STEPPED after its commit`, async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    pair.store.holds = true
    const key = own(device)
    t.same(kinds(device.exchange([PING, step(key)], A)), ['pong'])
    t.same(kinds(device.exchange([PING, step(key)], A)), ['pong'], 'a repeat waits for the same commit')
    t.equal(pair.store.held.length, 1)
    const before = rootOf(pair, device)
    pair.store.holds = false
    const frames = device.openAll(pair.release())
    t.match(frames, [{ kind: 'stepped', key: key === null ? null : Uint8Array }])
    t.equal(rootOf(pair, device), before, 'the old root still holds')
    t.equal(savedOf(pair, device).length, key === null ? 112 : 208)
    t.equal(pair.endpoint.metrics().stepsPromised, key === null ? 0 : 1)
  })

  t.test(`[R-5.6-2] a ${name} step that the store refuses is not answered`, async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    pair.store.failsCommits = true
    const key = own(device)
    t.same(kinds(device.exchange([PING, step(key)], A)), ['pong'])
    t.equal(pair.endpoint.metrics().commitsFailed, 1)
    t.equal(pair.endpoint.metrics().stepsPromised, 0)
    pair.store.failsCommits = false
    pair.advance(1000)
    t.same(kinds(device.exchange([PING, step(key)], A)), ['pong', 'stepped'])
  })

  t.test(`[R-5.6-3] the same STEP again gets the same STEPPED, ${name}`, async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    const key = own(device)
    const first = device.exchange([PING, step(key)], A).find(({ kind }) => kind === 'stepped')
    for (let i = 0; i < 5; i++) {
      const again = device.exchange([PING, step(key)], A).find(({ kind }) => kind === 'stepped')
      t.same(again, first)
    }
    const next = pair.restart()
    next.deliver(device.ping({ retry: true }), A)
    confirm(next, device)
    const later = device.openAll(next.deliver(device.seal([PING, step(key)]), A))
    t.same(
      later.find(({ kind }) => kind === 'stepped'),
      first,
      'also by the next process',
    )
    t.equal(next.store.count('commit-session'), pair.store.count('commit-session'))
  })

  t.test(`[R-5.6-4] the first packet under a ${name} root ends the old one, in memory and in the store`, async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    const old = rootOf(pair, device)
    const key = own(device)
    const late = device.ping()
    takeStepped(device, key, device.exchange([PING, step(key)], A))
    const ping = device.ping()
    t.equal(ping[0]! & Flag.long, Flag.long)
    const answer = pair.deliver(ping, A)
    t.equal(answer[0]!.bytes[0]! & Flag.long, Flag.long)
    t.same(kinds(device.openAll(answer)), ['pong'])
    const view = viewOf(pair, device)
    t.equal(view.epoch, 1)
    t.equal(view.failedOpens, 0)
    t.equal(hex(view.snapshot()).includes(old), false)
    t.equal(savedOf(pair, device).length, 112)
    t.equal(hex(savedOf(pair, device)).includes(old), false)
    t.equal(hex(savedOf(pair, device).subarray(4, 36)), rootOf(pair, device))
    t.equal(pair.endpoint.metrics().stepsPromised, 0)
    t.equal(pair.endpoint.metrics().steps, 1)
    t.same(pair.deliver(late, A), [], 'a late packet of the old root')
    t.same(pair.deliver(ping, A), [])
    t.equal(pair.dropped('tag') + pair.dropped('replay'), 2, 'one byte of a late number may fall into the window')
    pair.advance(1000)
    for (let i = 0; i < 5; i++) {
      stepOn(device, own(device))
      pair.advance(1000)
    }
    t.equal(view.epoch, 6)
    t.equal(device.ping().length, 24, 'back to the steady state')
  })

  t.test(`[R-5.6-4] a server restarted in the middle of a ${name} step takes it up again`, async (t) => {
    for (const heard of ['before', 'after'] as const) {
      const pair = new Pair(crypto)
      const device = pair.join()
      const key = own(device)
      takeStepped(device, key, device.exchange([PING, step(key)], A))
      const stored = pair.store.clone()
      const recorded = device.ping()
      if (heard === 'after') device.openAll(pair.deliver(recorded, A))
      const next = pair.restart(5000, stored)
      if (heard === 'after') {
        // A replay of what the last process took: it may end the old root, and has no other effect.
        next.deliver(recorded, B)
        next.advance(2000)
        t.same(next.takeEvents(), [])
      }
      confirm(next, device)
      t.equal(viewOf(next, device).epoch, 1)
      t.match(next.takeEvents(), [{ kind: 'contact', fresh: true }])
      t.same(next.deliver(recorded, A), [])
      t.equal(hex(savedOf(next, device).subarray(4, 36)), rootOf(next, device))
      t.same(kinds(device.openAll(next.deliver(device.ping(), A))), ['pong'])
    }
  })

  t.test(
    `a device restarted in the middle of a ${name} step asks again; its new boot value and the step agree`,
    async (t) => {
      const pair = new Pair(crypto)
      const device = pair.join()
      const older = saveSession(device.view)
      device.exchange([PING, step(own(device))], A)
      device.reboot(older)
      pair.advance(1000)
      const key = own(device)
      const answer = device.exchange([PING, step(key)], A)
      takeStepped(device, key, answer)
      t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
      t.equal(viewOf(pair, device).epoch, 1)
      device.reboot(saveSession(device.view), 20)
      t.equal(device.exchange([PING], A)[0]?.kind, 'pong', 'a new D under the new root')
    },
  )

  t.test(`a ${name} step whose first packet brings a new D`, async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    const key = own(device)
    takeStepped(device, key, device.exchange([PING, step(key)], A))
    device.reboot(saveSession(device.view))
    const ping = device.ping()
    t.equal(ping[0]! & Flag.boot, Flag.boot)
    t.same(kinds(device.openAll(pair.deliver(ping, A))), ['pong'])
    t.ok(viewOf(pair, device).matches(Offset.deviceBoot, device.boot))
  })
}

/** Restarted: the device is heard, answers the CHALLENGE. */
function confirm(next: Pair, device: TestDevice): void {
  next.advance(1001)
  const answer = device.openAll(next.deliver(device.ping(), A))
  const challenge = answer.find((frame) => frame.kind === 'challenge')?.challenge
  if (challenge === undefined) throw new Error('no challenge')
  device.openAll(next.deliver(device.seal([PING, { kind: 'response', challenge }]), A))
}

t.test('[R-5.6-3] a STEP with another key takes the place of the one before', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const [first, second] = [ownKey(device), ownKey(device)]
  const old = device.exchange([PING, step(first)], A)
  pair.advance(1000)
  const answer = device.exchange([PING, step(second)], A)
  t.equal(pair.endpoint.metrics().stepsPromised, 1)
  // Under the root of the first one nothing opens any more.
  const before = saveSession(device.view)
  takeStepped(device, first, old)
  pair.deliver(device.ping(), A)
  t.equal(pair.dropped('tag'), 1)
  device.reboot(before)
  takeStepped(device, second, answer)
  t.same(kinds(device.exchange([PING], A)), ['pong'])
  pair.advance(1000)
  t.same(kinds(device.exchange([PING, SYMMETRIC], A)), ['pong', 'stepped'])
  pair.advance(1000)
  const third = ownKey(device)
  takeStepped(device, third, device.exchange([PING, step(third)], A))
  t.same(kinds(device.exchange([PING], A)), ['pong'], 'keys in place of none')
})

t.test('[R-5.6-4] a root that is not committed yet opens nothing', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.store.holds = true
  device.exchange([PING, SYMMETRIC], A)
  const root = symmetricRoot(crypto, device.view.read(Offset.root, new Uint8Array(32)))
  changeRoot(device.view, device.context, root, device.boot)
  t.same(pair.deliver(device.ping(), A), [])
  t.equal(pair.dropped('tag'), 1)
})

t.test('[R-5.6-7] a flood of STEPs: one in a second is taken up, the others are counted', async (t) => {
  let exchanges = 0
  const counting: Crypto = {
    ...crypto,
    sharedSecret(secretKey, publicKey) {
      exchanges++
      return crypto.sharedSecret(secretKey, publicKey)
    },
  }
  const pair = new Pair(counting)
  const device = pair.join()
  exchanges = 0
  const commits = pair.store.count('commit-session')
  for (let i = 0; i < 200; i++) {
    pair.deliver(device.seal([PING, step(ownKey(device))]), A)
    pair.advance(50)
  }
  t.ok(exchanges >= 10 && exchanges <= 11 * STEP_RATE, `${exchanges} in 10 s`)
  t.equal(pair.store.count('commit-session') - commits, exchanges)
  t.equal(pair.endpoint.metrics().stepsRefused, 200 - exchanges)
  t.equal(pair.endpoint.metrics().stepsPromised, 1)
  const completed = pair.endpoint.metrics().stepsRefused
  for (let i = 0; i < 20; i++) pair.deliver(device.seal([PING, SYMMETRIC]), A)
  t.ok(pair.endpoint.metrics().stepsRefused >= completed, 'symmetric ones too')
})

t.test('[R-5.6-7] a full table: not answered and counted; an old promise makes room', async (t) => {
  const pair = new Pair(crypto, { options: { stepsPromisedMax: 2 } })
  const devices = [1, 2, 3].map((n) => pair.join(addressOf(n)))
  const keys = devices.map(ownKey)
  const ask = (n: number): string[] =>
    kinds(devices[n]!.exchange([PING, step(keys[n]!)], addressOf(n + 1))).filter((kind) => kind !== 'new-cid')
  t.same(ask(0), ['pong', 'stepped'])
  t.same(ask(1), ['pong', 'stepped'])
  t.same(ask(2), ['pong'])
  t.equal(pair.endpoint.metrics().stepsRefused, 1)
  t.same(kinds(devices[2]!.exchange([PING, SYMMETRIC], addressOf(3))), ['pong', 'stepped'], 'these need no room')
  for (let i = 0; i < 61; i++) {
    pair.advance(60_000)
    for (const [n, device] of devices.entries()) device.exchange([PING], addressOf(n + 1))
  }
  t.same(ask(2), ['pong', 'stepped'])
  t.equal(pair.endpoint.metrics().stepsPromised, 2)
  t.equal(savedOf(pair, devices[0]!).length, 112, 'and is gone from the store')
  t.equal(savedOf(pair, devices[1]!).length, 208)
})

t.test('[R-5.6-8] a key of low order closes the session with code 1', async (t) => {
  // RFC 7748 §6.1, and the points of small order that Curve25519's page lists.
  const points = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ]
  for (const point of points) {
    const pair = new Pair(crypto)
    const device = pair.join()
    const key = Uint8Array.from(Buffer.from(point, 'hex'))
    const frames = device.exchange([PING, { kind: 'step', key }], A)
    t.same(frames, [{ kind: 'close', code: 1 }])
    t.equal(pair.endpoint.metrics().sessions, 0)
    t.equal(pair.endpoint.metrics().stepsPromised, 0)
  }
})

t.test('[R-7-2] a key of a wrong length closes the session with code 1', async (t) => {
  for (const length of [0, 31, 33]) {
    const pair = new Pair(crypto)
    const device = pair.join()
    const head = length < 24 ? [0x40 + length] : [0x58, length]
    const plaintext = Uint8Array.from([0x04, 0x82, 0x0e, ...head, ...new Array(length).fill(9)])
    const frames = device.openAll(pair.deliver(device.sealBytes(plaintext), A))
    t.same(frames, [{ kind: 'close', code: 1 }], `${length} B`)
  }
})

t.test('[R-5.6-9] at 2^32 failed opens the server wants a step with a key; a step starts the count anew', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const view = viewOf(pair, device)
  view.failedOpens = FAILED_OPENS_STEP - 2
  pair.deliver(flipped(device.ping(), 180), A)
  t.same(kinds(device.exchange([PING], A)), ['pong'])
  pair.deliver(flipped(device.ping(), 180), A)
  t.equal(view.failedOpens, 2 ** 32)
  t.same(kinds(device.exchange([PING], A)), ['pong', 'want-step'])
  t.same(kinds(device.exchange([PING], A, { ask: false })), [], 'only an answer')
  t.same(kinds(device.exchange([PING], A)), ['pong', 'want-step'], 'as long as it is so')
  const key = ownKey(device)
  const answer = device.exchange([PING, step(key)], A)
  t.same(kinds(answer), ['pong', 'stepped'])
  takeStepped(device, key, answer)
  t.same(kinds(device.exchange([PING], A)), ['pong'])
  t.equal(view.failedOpens, 0)
})

/** Packets that an endpoint with this crypto tried to open. */
function countingOpens(): { crypto: Crypto; opens: () => number } {
  let opens = 0
  const counting: Crypto = {
    ...crypto,
    open(...args) {
      opens++
      return crypto.open(...args)
    },
  }
  return { crypto: counting, opens: () => opens }
}

t.test('[R-5.6-10] a forged packet while a step is promised: two opens, one failure, and nothing else', async (t) => {
  for (const name of ['symmetric', 'keyed'] as const) {
    const counting = countingOpens()
    const pair = new Pair(counting.crypto)
    const device = pair.join()
    const view = viewOf(pair, device)
    const cost = (datagram: Uint8Array): number => {
      const before = counting.opens()
      t.same(pair.deliver(datagram, B), [])
      return counting.opens() - before
    }
    t.equal(cost(flipped(device.ping({ retry: true }), 300)), 1, 'one root is held')
    device.openAll(pair.deliver(device.seal([PING, step(name === 'keyed' ? ownKey(device) : null)]), A))
    view.failedOpens = 0
    const before = view.snapshot()
    t.equal(cost(flipped(device.ping({ retry: true }), 300)), 2)
    t.equal(view.failedOpens, 1)
    view.failedOpens = 0
    t.same(view.snapshot(), before)
    t.equal(pair.dropped('tag'), 2)
    t.equal(pair.endpoint.metrics().failedOpens, 2)
  }
})

t.test('[R-5.6-10] a ping of the present root is one open, also while a step is promised', async (t) => {
  const counting = countingOpens()
  const pair = new Pair(counting.crypto)
  const device = pair.join()
  device.exchange([PING, step(ownKey(device))], A)
  for (let i = 0; i < 3; i++) {
    const ping = device.ping()
    const before = counting.opens()
    const answer = pair.deliver(ping, A)
    t.equal(counting.opens() - before, 1)
    device.openAll(answer)
  }
  t.equal(viewOf(pair, device).failedOpens, 0)
})

t.test('[R-5.6-10] GREASE says nothing of the root: each value opens under either', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const seen = [new Set<number>(), new Set<number>()]
  for (const epoch of [0, 1]) {
    for (let i = 0; i < 200; i++) {
      const ping = device.ping()
      seen[epoch]!.add(ping[0]! & Flag.grease)
      const answer = pair.deliver(ping, A)
      seen[epoch]!.add(answer[0]!.bytes[0]! & Flag.grease)
      device.openAll(answer)
    }
    if (epoch === 0) stepOn(device, null)
  }
  t.equal(viewOf(pair, device).epoch, 1)
  for (const values of seen) t.equal(values.size, 8)
})

t.test('a handshake ends what was promised; so does the end of a session, and a removal', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.exchange([PING, step(ownKey(device))], A)
  device.handshake(A)
  t.equal(pair.endpoint.metrics().stepsPromised, 0)
  t.equal(viewOf(pair, device).epoch, 0)
  t.equal(savedOf(pair, device).length, 112)
  pair.advance(1000)
  device.exchange([PING, step(ownKey(device))], A)
  pair.deliver(device.seal([PING, { kind: 'close', code: 0 }]), A)
  t.equal(pair.endpoint.metrics().stepsPromised, 0)
  device.handshake(A)
  device.exchange([PING, step(ownKey(device))], A)
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  t.equal(pair.endpoint.metrics().stepsPromised, 0)
})

t.test('a handshake that is committed while a step is: the step is forgotten', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const [message2] = pair.deliver(device.message1(), A)
  pair.store.holds = true
  pair.deliver(device.seal([PING, step(ownKey(device))]), A)
  device.readMessage2(message2!.bytes)
  pair.deliver(device.ping(), A)
  pair.store.holds = false
  const frames = device.openAll(pair.release().slice(-1))
  t.same(kinds(frames)[0], 'new-cid')
  t.equal(pair.endpoint.metrics().stepsPromised, 0)
  t.equal(viewOf(pair, device).epoch, 0)
  t.equal(savedOf(pair, device).length, 112)
})

t.test('a STEP from an address that is not proven: STEPPED goes to the proven one', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const sent = pair.deliver(device.seal([PING, SYMMETRIC]), B)
  t.same(
    sent.map(({ remote }) => hex(remote)),
    [hex(B), hex(A)],
  )
  t.same(kinds(device.openAll(sent)), ['pong', 'challenge', 'stepped'])
})

t.test('a record has the bytes that it had', async (t) => {
  t.same(RECORD_BYTES, { server: 176, device: 272 })
})

t.test(
  '[R-9.4-2] a probe under the next root is dropped and ends no step; a delayed answer outlives a step',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    stepOn(device, null)
    pair.advance(1000)
    device.exchange([PING], A)
    const old = rootOf(pair, device)
    const delayed = device.probe(5)
    const number = device.sender.number
    t.same(pair.deliver(delayed, A), [])
    takeStepped(device, null, device.exchange([PING, step(null)], A))
    t.same(pair.deliver(device.probe(0), A), [])
    t.equal(pair.dropped('tag'), 1)
    t.equal(rootOf(pair, device), old)
    t.same(kinds(device.exchange([PING], A)), ['pong'])
    t.not(rootOf(pair, device), old)
    const sent = pair.advance(5000)
    t.equal(sent.length, 1)
    t.same(device.openAll(sent), [{ kind: 'pong', residue: number % 48 }])
  },
)
