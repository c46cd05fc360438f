import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { checkCode, openListKey, sealListKey } from '../../src/client/key-transfer.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import type { ServerFrame } from '../../src/frame/frame.js'
import { EMPTY_LIST } from '../../src/frame/person-list.js'
import { testCrypto } from '../support/crypto.js'
import { ListServer } from './list-server.js'
import { APP, Rig } from './rig.js'

const crypto = await testCrypto()
const random = new SeededRandom('transfer')
const old = keyPair(crypto, random.fill(new Uint8Array(32)))
const LIST_KEY = random.fill(new Uint8Array(32))

/** A device that lacks the key of the person's list, and its open request. */
function keyless(): { rig: Rig; lists: ListServer; nonce: Uint8Array } {
  const rig = new Rig(crypto)
  rig.start()
  rig.finishHandshake()
  const lists = new ListServer(rig)
  const app = Uint8Array.from(Buffer.from(APP, 'hex'))
  lists.commit({ ...EMPTY_LIST, entries: [{ app, flags: 1, rotation: 0, windows: [] }] }, 3, LIST_KEY)
  rig.send(lists.state())
  const packet = rig.takePacket()
  const request = packet.frames.find((frame) => frame.kind === 'key-request')
  rig.deliver(rig.server.answer(packet))
  return { rig, lists, nonce: (request as { nonce: Uint8Array }).nonce.slice() }
}

function given(rig: Rig, nonce: Uint8Array, more: Partial<ServerFrame & { kind: 'key-given' }> = {}): ServerFrame {
  const sealed = sealListKey(crypto, random, old, publicKeyOf(rig), nonce, LIST_KEY) as Uint8Array
  return { kind: 'key-given', id: rig.server.id(), senderKey: old.publicKey, nonce, sealed, ...more }
}

/** All rigs are the same device. */
function publicKeyOf(_: Rig): Uint8Array {
  return keyPair(crypto, new SeededRandom('device').fill(new Uint8Array(32))).publicKey
}

t.test('sealed for one device, nonce and sender: 80 B', async (t) => {
  const fresh = keyPair(crypto, random.fill(new Uint8Array(32)))
  const nonce = random.fill(new Uint8Array(16))
  const sealed = sealListKey(crypto, random, old, fresh.publicKey, nonce, LIST_KEY) as Uint8Array
  t.equal(sealed.length, 80)
  t.same(openListKey(crypto, fresh, old.publicKey, nonce, sealed), LIST_KEY)
  t.equal(openListKey(crypto, fresh, fresh.publicKey, nonce, sealed), null, 'another sender')
  t.equal(openListKey(crypto, old, old.publicKey, nonce, sealed), null, 'another device')
  t.equal(openListKey(crypto, fresh, old.publicKey, new Uint8Array(16), sealed), null, 'another request')
  for (const at of [0, 40, 79]) {
    const forged = sealed.slice()
    forged[at] = (forged[at] as number) ^ 1
    t.equal(openListKey(crypto, fresh, old.publicKey, nonce, forged), null)
  }
  t.equal(sealListKey(crypto, random, old, new Uint8Array(32), nonce, LIST_KEY), null, 'a key of low order')
})

t.test('a new device asks with a padded KEY_REQUEST, shows the code, and gets the key, then the list', async (t) => {
  const { rig, lists, nonce } = keyless()
  t.match(rig.eventsOf('list-key-wanted'), [{ code: checkCode(crypto, publicKeyOf(rig), nonce) }])
  rig.send(given(rig, nonce))
  t.equal(rig.eventsOf('list-key-taken').length, 1)
  lists.serve()
  t.equal(rig.machine.parts.list.version, 3)
  t.ok(rig.machine.parts.list.isVisible(APP))
})

t.test('[R-11-2] KEY_GIVEN is taken for our own open request only, once', async (t) => {
  const { rig, nonce } = keyless()
  rig.send(given(rig, random.fill(new Uint8Array(16))))
  const forged = given(rig, nonce) as ServerFrame & { kind: 'key-given' }
  rig.send({ ...forged, sealed: forged.sealed.map((byte) => byte ^ 1) })
  t.equal(rig.machine.parts.list.listKey, null)
  rig.send(given(rig, nonce))
  t.same(rig.machine.parts.list.listKey, LIST_KEY)
  const other = sealListKey(crypto, random, old, publicKeyOf(rig), nonce, new Uint8Array(32).fill(9)) as Uint8Array
  rig.send(given(rig, nonce, { sealed: other }))
  t.same(rig.machine.parts.list.listKey, LIST_KEY)
  const never = Rig.online(crypto)
  never.send(given(never, nonce))
  t.equal(never.machine.parts.list.listKey, null, 'nobody asked')
})

t.test('the key is durable before KEY_GIVEN is acked', async (t) => {
  const { rig, nonce } = keyless()
  rig.advance(500)
  rig.take()
  rig.holdsSaves = true
  const frame = given(rig, nonce) as ServerFrame & { kind: 'key-given' }
  rig.send(frame)
  rig.advance(300)
  const acked = (): boolean =>
    rig.takePackets().some((packet) => packet.frames.some((one) => one.kind === 'ack' && one.id === frame.id))
  t.notOk(acked())
  rig.holdsSaves = false
  rig.save()
  rig.advance(300)
  t.ok(acked())
  t.same(rig.restarted().machine.parts.list.listKey, LIST_KEY)
})

t.test('the request outlives the process, so that the code on the screen stays right', async (t) => {
  const { rig, lists, nonce } = keyless()
  const next = rig.restarted()
  next.deliver(next.server.answer(next.takePacket(), lists.state()))
  const request = next
    .takePackets()
    .flatMap(({ frames }) => frames)
    .find((frame) => frame.kind === 'key-request')
  t.same((request as { nonce: Uint8Array }).nonce, nonce)
  next.send(given(next, nonce))
  t.same(next.machine.parts.list.listKey, LIST_KEY)
})

t.test('after 15 minutes a new request with a new code', async (t) => {
  const { rig, nonce } = keyless()
  for (let minute = 0; minute < 16; minute++) {
    rig.advance(60_000)
    for (const packet of rig.takePackets()) if (packet.ask) rig.deliver(rig.server.answer(packet))
  }
  const codes = rig.eventsOf('list-key-wanted').map(({ code }) => code)
  t.equal(codes.length, 2)
  t.not(codes[0], codes[1])
  rig.send(given(rig, nonce))
  t.equal(rig.machine.parts.list.listKey, null, 'the old one is closed')
})

t.test('[R-11-1] an old device seals the key only when the person confirms', async (t) => {
  const rig = Rig.online(crypto)
  const lists = new ListServer(rig)
  rig.send(lists.state())
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  const fresh = keyPair(crypto, random.fill(new Uint8Array(32)))
  const nonce = random.fill(new Uint8Array(16))
  const offer = {
    kind: 'key-offer',
    id: rig.server.id(),
    request: 5,
    deviceKey: fresh.publicKey,
    nonce,
    name: 'Tablet',
  } as const
  rig.send(offer)
  rig.send({ ...offer, id: rig.server.id() })
  t.match(rig.eventsOf('key-offer'), [{ request: 5, name: 'Tablet', code: checkCode(crypto, fresh.publicKey, nonce) }])
  t.equal(rig.eventsOf('key-offer').length, 1, 'told once')
  rig.advance(60_000)
  for (const packet of rig.takePackets()) t.notOk(packet.frames.some(({ kind }) => kind === 'key-sealed'))
  t.throws(() => rig.machine.confirmKeyOffer(6, rig.now), { code: 'PL_OFFER_UNKNOWN' })
  rig.do((machine, now) => machine.confirmKeyOffer(5, now))
  const packet = rig.takePackets().at(-1)
  const sealed = packet?.frames.find((frame) => frame.kind === 'key-sealed')
  t.match(sealed, { request: 5 })
  t.equal(packet?.bytes.length, 128, '[R-7-6]')
  const { publicKey } = keyPair(crypto, new SeededRandom('device').fill(new Uint8Array(32)))
  const opened = openListKey(crypto, fresh, publicKey, nonce, (sealed as { sealed: Uint8Array }).sealed)
  t.same(opened, rig.machine.parts.list.listKey)
  t.throws(() => rig.machine.confirmKeyOffer(5, rig.now), { code: 'PL_OFFER_UNKNOWN' }, 'once')
})

t.test('an offer is forgotten after 15 minutes, and without a key there is nothing to give', async (t) => {
  const rig = Rig.online(crypto)
  const deviceKey = keyPair(crypto, random.fill(new Uint8Array(32))).publicKey
  const offer = { kind: 'key-offer', id: 400, request: 5, deviceKey, nonce: new Uint8Array(16), name: '' } as const
  rig.send(offer)
  t.throws(() => rig.machine.confirmKeyOffer(5, rig.now), { code: 'PL_OFFER_UNKNOWN' }, 'no key')
  const lists = new ListServer(rig)
  rig.send(lists.state())
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  rig.advance(900_000)
  t.throws(() => rig.machine.confirmKeyOffer(5, rig.now), { code: 'PL_OFFER_UNKNOWN' }, 'too late')
})

t.test('on a new session the open request is sent again', async (t) => {
  const { rig, nonce } = keyless()
  rig.send({ kind: 'close', code: 0 })
  rig.advance(5001)
  const message1 = rig.takeMessages1().at(-1)
  rig.deliver(rig.server.accept(message1 as NonNullable<typeof message1>))
  const request = rig.takePacket().frames.find((frame) => frame.kind === 'key-request')
  t.same((request as { nonce: Uint8Array }).nonce, nonce)
})
