import t from 'tap'
import { SLOTS_PER_PART } from '../../src/endpoint/device-handle.js'
import type { GrantFrame } from '../../src/frame/frame.js'
import type { HubReply } from '../../src/hub/message.js'
import { APP, APP_ID, House, homely, listFor, OTHER_APP, type Phone } from './house.js'

const REDIRECT = 'https://chat.example/cb'
const CHALLENGE = 'c'.repeat(43)

/** The person agrees in a browser. @returns the code. */
function consent(house: House, app = APP, person = 1, windows: [number, number, number][] = []): string {
  const request = house.nextRequest()
  house.ask({
    kind: 'consent',
    request,
    app,
    person,
    redirectUri: REDIRECT,
    challenge: CHALLENGE,
    windows,
    zone: '',
  })
  return house.take('consented').at(-1)?.code ?? ''
}

/** The application exchanges the code. @returns the PUID, or '' and an error. */
function exchange(house: House, code: string, more: { app?: number; redirectUri?: string; challenge?: string } = {}) {
  const { app = APP, redirectUri = REDIRECT, challenge = CHALLENGE } = more
  house.ask({ kind: 'consent-exchange', request: house.nextRequest(), app, code, redirectUri, challenge })
  return house.take('consent-exchanged').at(-1)?.puid ?? ''
}

const grantsOf = (phone: Phone): GrantFrame[] => phone.of('grant')
const entryOf = (frame: GrantFrame | undefined) => ({ app: frame?.app ?? APP_ID, rotation: frame?.rotation ?? 0 })

/** A person with devices that are online and have an empty list. */
function alone(devices = 1): { house: House; phones: Phone[]; phone: Phone } {
  const house = new House()
  const phones = house.person(1, devices)
  for (const phone of phones) phone.contact('active', true)
  const phone = phones[0] as Phone
  phone.putList(listFor([]))
  return { house, phones, phone }
}

t.test('[R-10.1-3] a consent goes to one device, and is forgotten when the list has it', async (t) => {
  const { house, phones } = alone(2)
  const puid = exchange(house, consent(house))
  t.match(puid, /^p_/)
  t.equal(house.disk.grants.size, 1, 'durable before the application hears of it')
  t.equal(phones.flatMap(grantsOf).length, 1, 'one device at a time')
  t.equal(house.views([puid])[0]?.state, 'offline')
  const phone = phones.find((one) => grantsOf(one).length > 0) as Phone
  const [frame] = grantsOf(phone)
  t.match(frame, { app: APP_ID, what: 0, windows: [], zone: '' })
  phone.putList(listFor([entryOf(frame)]))
  t.equal(house.views([puid])[0]?.state, 'online')
  phone.frame({ kind: 'granted', grant: frame?.grant ?? new Uint8Array(), what: 0 })
  t.equal(house.disk.grants.size, 0)
  t.match(house.metrics(), { grantsWaiting: 0, grantsTaken: 1 })
  house.advance(600_000)
  t.equal(phones.flatMap(grantsOf).length, 1, 'offered once')
})

t.test('[R-10.1-3] another device gets it when the first has surely given up, or says that it cannot', async (t) => {
  const { house, phones } = alone(2)
  exchange(house, consent(house))
  const phone = phones.find((one) => grantsOf(one).length > 0) as Phone
  const second = phones.find((one) => one !== phone) as Phone
  house.advance(44_000)
  t.equal(grantsOf(second).length, 0, 'the first may still try')
  house.advance(2_000)
  t.equal(grantsOf(second).length, 1)
  t.strictSame(grantsOf(second)[0]?.grant, grantsOf(phone)[0]?.grant)
  const { grant } = grantsOf(second)[0] as GrantFrame
  second.frame({ kind: 'granted', grant, what: 1 })
  house.advance(100_000)
  t.ok(grantsOf(phone).length > 1, 'the first again')
  t.equal(grantsOf(second).length, 1, 'not the one that cannot')
})

t.test('a grant outlives a crash until a device has it', async (t) => {
  const { house, phone } = alone()
  phone.lose()
  const puid = exchange(house, consent(house))
  t.equal(grantsOf(phone).length, 0)
  house.crash()
  phone.contact('active', true)
  const [frame] = grantsOf(phone)
  phone.putList(listFor([entryOf(frame)]))
  phone.frame({ kind: 'granted', grant: frame?.grant ?? new Uint8Array(), what: 0 })
  t.equal(house.disk.grants.size, 0)
  t.equal(house.views([puid])[0]?.state, 'online')
  house.crash()
  phone.contact('active', true)
  t.equal(grantsOf(phone).length, 1)
})

t.test('a grant that no device takes is forgotten after a week', async (t) => {
  const { house, phone } = alone()
  phone.lose()
  exchange(house, consent(house))
  house.advance(7 * 86_400_000 + 60_000)
  t.equal(house.disk.grants.size, 0)
  phone.contact('active', true)
  t.equal(grantsOf(phone).length, 0)
})

t.test('the same PUID while the consent lives, another one after a revocation', async (t) => {
  const { house, phone } = alone()
  const first = exchange(house, consent(house))
  t.equal(exchange(house, consent(house)), first, 'while the first is on its way')
  const frame = grantsOf(phone).at(-1) as GrantFrame
  phone.putList(listFor([entryOf(frame)]))
  phone.frame({ kind: 'granted', grant: frame.grant, what: 0 })
  house.advance(5_000)
  t.equal(exchange(house, consent(house)), first, 'while it is in the list')
  phone.frame({ kind: 'granted', grant: grantsOf(phone).at(-1)?.grant ?? frame.grant, what: 0 })
  phone.putList(listFor([]))
  const second = exchange(house, consent(house))
  t.not(second, first)
  const next = grantsOf(phone).at(-1) as GrantFrame
  t.ok(next.rotation > frame.rotation, 'a greater rotation')
  phone.putList(listFor([{ flags: 16, rotation: next.rotation }]))
  phone.frame({ kind: 'granted', grant: next.grant, what: 0 })
  t.not(exchange(house, consent(house)), second, 'an entry that only tells the revocation is not in force')
})

t.test('consents in one second and over restarts never give a rotation twice', async (t) => {
  const { house, phone } = alone()
  const seen = new Set<string>()
  for (let round = 0; round < 6; round++) {
    const puid = exchange(house, consent(house))
    t.notOk(seen.has(puid), `round ${round}`)
    seen.add(puid)
    const frame = grantsOf(phone).at(-1) as GrantFrame
    phone.frame({ kind: 'granted', grant: frame.grant, what: 0 })
    if (round % 2 === 1) {
      house.crash(3_000)
      phone.contact('active', true)
    }
  }
})

t.test('a code is good once, for its application, redirect URI and verifier, for a minute', async (t) => {
  const { house } = alone()
  const wrong = [{ redirectUri: `${REDIRECT}/` }, { challenge: 'd'.repeat(43) }]
  for (const more of wrong) {
    const code = consent(house)
    t.equal(exchange(house, code, more), '')
    t.equal(house.lastError(), 'invalid-grant')
    t.equal(exchange(house, code), '', 'it is used up')
  }
  const code = consent(house)
  t.equal(exchange(house, code, { app: OTHER_APP }), '')
  t.not(exchange(house, code), '', 'another application does not use it up')
  const old = consent(house)
  house.advance(61_000)
  t.equal(exchange(house, old), '')
  t.equal(exchange(house, 'nothing'), '')
  t.equal(house.metrics()['consentCodes'], 1, 'the exchanged one is remembered')
  house.advance(700_000)
  t.equal(house.metrics()['consentCodes'], 0)
})

t.test('a code that is used twice takes back what it gave', async (t) => {
  const { house, phone } = alone()
  const code = consent(house)
  const puid = exchange(house, code)
  const given = grantsOf(phone).at(-1) as GrantFrame
  phone.putList(listFor([entryOf(given)]))
  phone.frame({ kind: 'granted', grant: given.grant, what: 0 })
  t.equal(exchange(house, code), '')
  const taken = grantsOf(phone).at(-1) as GrantFrame
  t.match(taken, { app: APP_ID, what: 1, rotation: given.rotation })
  t.not(exchange(house, consent(house)), puid, 'what is being taken back is not in force')
})

t.test('[R-10.1-3] what takes a consent back goes first to who may still put it into the list', async (t) => {
  for (const comesBack of [true, false]) {
    const { house, phones } = alone(2)
    const code = consent(house)
    exchange(house, code)
    const first = phones.find((one) => grantsOf(one).length > 0) as Phone
    const second = phones.find((one) => one !== first) as Phone
    house.advance(5_000)
    first.lose()
    t.equal(exchange(house, code), '', 'the code comes again')
    t.equal(house.disk.grants.size, 1, 'in place of the consent')
    t.strictSame(grantsOf(second), [], 'the first may still commit what it holds')
    house.advance(20_000)
    if (comesBack) {
      first.contact()
      t.match(grantsOf(first).at(-1), { what: 1 }, 'it is told as soon as it is there')
      t.strictSame(grantsOf(second), [])
      continue
    }
    house.advance(19_000)
    t.strictSame(grantsOf(second), [])
    house.advance(2_000)
    t.match(grantsOf(second), [{ what: 1 }], 'now it has given up')
  }
})

t.test(
  '[R-10.1-3] after a crash a consent waits for who may have had it, unless there is one device only',
  async (t) => {
    const { house, phones } = alone(2)
    exchange(house, consent(house))
    const first = phones.find((one) => grantsOf(one).length > 0) as Phone
    const second = phones.find((one) => one !== first) as Phone
    house.crash()
    second.contact('active', true)
    t.strictSame(grantsOf(second), [])
    house.advance(44_000)
    t.strictSame(grantsOf(second), [])
    house.advance(2_000)
    t.match(grantsOf(second), [{ what: 0 }])
  },
)

t.test('which person has one device only is known when all devices are loaded', async (t) => {
  const { house, phone } = alone()
  exchange(house, consent(house))
  t.equal(grantsOf(phone).length, 1)
  house.slotsToLoad = SLOTS_PER_PART + 1
  house.crash()
  house.load(0)
  phone.contact('active', true)
  house.advance(5_000)
  t.equal(grantsOf(phone).length, 1, 'another device may have it')
  house.load(1)
  t.equal(grantsOf(phone).length, 2)
  t.same(grantsOf(phone)[1]?.grant, grantsOf(phone)[0]?.grant)
})

t.test('a consent whose GRANTED was lost does not undo that the person hid or blocked since', async (t) => {
  for (const flags of [0, 8, 16]) {
    const { house, phone } = alone()
    exchange(house, consent(house))
    const { rotation } = grantsOf(phone)[0] as GrantFrame
    phone.putList(listFor([{ rotation }]))
    t.equal(house.disk.grants.size, 1)
    phone.putList(listFor([{ rotation, flags }]))
    t.equal(house.disk.grants.size, 0, `flags ${flags}`)
  }
  const { house, phone } = alone()
  phone.putList(listFor([{ rotation: 7, flags: 0 }]))
  exchange(house, consent(house))
  t.match(grantsOf(phone).at(-1), { rotation: 7 }, 'given again, to show who was hidden')
  phone.putList(listFor([{ rotation: 7, flags: 0 }], { status: 'x' }))
  t.equal(house.disk.grants.size, 1, 'another change of the list does not end it')
})

t.test('a device that is removed while it holds a consent: another one gets it', async (t) => {
  const { house, phones } = alone(2)
  exchange(house, consent(house))
  const first = phones.find((one) => grantsOf(one).length > 0) as Phone
  const second = phones.find((one) => one !== first) as Phone
  const { grant, rotation } = grantsOf(first)[0] as GrantFrame
  house.ask({ kind: 'device-removed', device: first.handle, code: 0 })
  first.frame({ kind: 'granted', grant, what: 0 })
  first.putList(listFor([{ rotation, app: APP_ID }]))
  t.equal(house.disk.grants.size, 1, 'what it says counts no more')
  t.equal(house.version(1), 1)
  house.advance(60_000)
  t.strictSame(grantsOf(second)[0]?.grant, grant)
})

t.test('a revocation reads like going out of contact, and says so only if the person wants', async (t) => {
  const seen = (flags: number | null): string[] => {
    const { house, phone } = homely()
    house.subscribe()
    house.replies = []
    phone.putList(listFor(flags === null ? [] : [{ flags }]))
    return house.changes()
  }
  t.strictSame(seen(null), ['offline/contact-lost'])
  t.strictSame(seen(0), ['offline/contact-lost'])
  t.strictSame(seen(16), ['offline/revoked'])
  t.strictSame(seen(17), ['offline/revoked'], 'whatever stands beside it')
  t.strictSame(seen(24), ['offline/revoked'])
})

t.test('who was out of contact can revoke, and have it told', async (t) => {
  const { house, phone } = homely()
  phone.contact('gone')
  house.subscribe()
  house.replies = []
  phone.putList(listFor([{ flags: 16 }]))
  t.strictSame(house.changes(), ['offline/revoked'])
  phone.putList(listFor([{ flags: 16 }], { status: 'x' }))
  t.strictSame(house.changes(), [], 'once')
})

t.test('strangers: grants of others, of removed persons and applications', async (t) => {
  const { house, phone } = alone()
  const [other] = house.person(2)
  other?.contact('active', true)
  exchange(house, consent(house))
  const { grant } = grantsOf(phone)[0] as GrantFrame
  other?.frame({ kind: 'granted', grant, what: 0 })
  t.equal(house.disk.grants.size, 1)
  t.equal(house.metrics()['grantsIgnored'], 1)
  t.equal(consent(house, 77), '')
  t.equal(consent(house, APP, 99), '')
  const code = consent(house, OTHER_APP, 2)
  house.ask({ kind: 'account-removed', person: 2, devices: [] })
  t.equal(house.metrics()['consentCodes'], 1, 'their codes are gone, and not those of others')
  t.equal(exchange(house, code, { app: OTHER_APP }), '')
  house.ask({ kind: 'app-removed', app: APP })
  t.equal(house.disk.grants.size, 0)
})

t.test('what cannot be stored is not given', async (t) => {
  const { house, phone } = alone()
  const code = consent(house)
  house.isStoreBroken = true
  t.equal(exchange(house, code), '')
  t.equal((house.take('error') as Extract<HubReply, { kind: 'error' }>[]).at(-1)?.code, 'unavailable')
  t.equal(grantsOf(phone).length, 0)
  t.equal(house.metrics()['grantsWaiting'], 0)
})

t.test('a consent that is in force already goes to no device, unless it has hours', async (t) => {
  const { house, phone } = alone()
  phone.putList(listFor([{ rotation: 7 }]))
  const puid = exchange(house, consent(house))
  t.equal(puid, house.puid(1, APP, 7))
  t.strictSame(grantsOf(phone), [])
  t.equal(house.disk.grants.size, 0)
  t.equal(exchange(house, consent(house, APP, 1, [[1, 60, 120]])), puid)
  t.match(grantsOf(phone), [{ rotation: 7, windows: [[1, 60, 120]] }])
})

t.test('a person can have 64 consents on their way, no more', async (t) => {
  const { house, phone } = alone()
  phone.lose()
  for (let app = 100; app <= 164; app++) {
    house.ask({ kind: 'app-added', app, appId: new Uint8Array(8).fill(app), name: `app ${app}` })
    const puid = exchange(house, consent(house, app), { app })
    t.equal(puid !== '', app < 164, `${app}`)
  }
  t.equal(house.lastError(), 'unavailable')
  t.equal(house.disk.grants.size, 64)
})

t.test('a grant that was past its week while the server was down is not taken up', async (t) => {
  const { house, phone } = alone()
  phone.lose()
  exchange(house, consent(house))
  house.crash(6 * 86_400_000)
  t.equal(house.metrics()['grantsWaiting'], 1)
  house.crash(2 * 86_400_000)
  t.equal(house.metrics()['grantsWaiting'], 0)
})

t.test('who gets a grant again: after silence, in a new session, when the list changed', async (t) => {
  const { house, phone } = alone()
  exchange(house, consent(house))
  const { grant } = grantsOf(phone)[0] as GrantFrame
  house.advance(46_000)
  t.equal(grantsOf(phone).length, 1)
  phone.contact()
  t.equal(grantsOf(phone).length, 2, 'it is heard again')
  phone.contact('active', true)
  t.equal(grantsOf(phone).length, 3, 'a new session holds nothing')
  phone.frame({ kind: 'granted', grant, what: 1 })
  phone.contact()
  t.equal(grantsOf(phone).length, 3, 'it could not')
  phone.putList(listFor([], { status: 'x' }))
  t.equal(grantsOf(phone).length, 4, 'now it may')
})

t.test(
  '[R-10.1-3] a device that does not ack is not sent the grant any more when another one is to get it',
  async (t) => {
    const { house, phones } = alone(2)
    for (const phone of phones) phone.acks = false
    exchange(house, consent(house))
    const first = phones.find((one) => grantsOf(one).length > 0) as Phone
    house.commands = []
    house.advance(11_000)
    t.match(house.commands, [{ kind: 'cancel', device: first.handle }])
    const code = consent(house)
    const puid = exchange(house, code)
    t.equal(exchange(house, code), '')
    first.contact('active', true)
    const { grant } = grantsOf(first).at(-1) as GrantFrame
    first.frame({ kind: 'granted', grant, what: 1 })
    const second = phones.find((one) => one !== first) as Phone
    t.match(grantsOf(second).at(-1), { grant, what: 1 }, 'a new session holds nothing: another one may have it at once')
    t.ok(puid)
  },
)

t.test('a rotation goes with the clock, and never back with it', async (t) => {
  const { house, phone } = alone()
  phone.lose()
  const proposed = (setMs: number) => {
    house.wallMs += setMs
    exchange(house, consent(house))
    phone.contact('active', true)
    const { rotation, grant } = grantsOf(phone).at(-1) as GrantFrame
    phone.frame({ kind: 'granted', grant, what: 0 })
    phone.lose()
    return rotation
  }
  const first = proposed(0)
  house.wallMs -= 86_400_000
  house.crash()
  t.ok(proposed(0) > first, 'the clock was set back, and what was proposed is forgotten')
  house.wallMs += 86_400_000
  house.advance(10_000)
  t.ok(proposed(-86_400_000) > first, 'the clock was set back')
  t.ok(proposed(2 * 86_400_000) > first + 80_000, 'devices take the seconds of the wall clock')
})

t.test('a clock that is set back and a restart give no rotation twice: the clock goes on from where it was', (t) => {
  const { house, phone } = alone()
  const proposed = () => {
    phone.contact('active', true)
    exchange(house, consent(house))
    const { rotation, grant } = grantsOf(phone).at(-1) as GrantFrame
    phone.frame({ kind: 'granted', grant, what: 0 })
    return rotation
  }
  const setBack = () => {
    house.wallMs -= 30 * 86_400_000
    house.crash()
  }
  house.advance(86_400_000)
  const first = proposed()
  setBack()
  const second = proposed()
  t.ok(second > first, 'after a consent')
  t.ok(second < first + 300, 'and not far ahead')
  house.advance(86_400_000)
  phone.contact('active', true).putList(listFor([{}]))
  const chosenS = second + 86_400
  setBack()
  t.ok(proposed() > chosenS, 'after a list, in which a device may have chosen one')
  const kept = house.disk.clockSeconds
  t.equal(kept % 60, 0, 'what is kept tells no second')
  house.wallMs += 365 * 86_400_000
  const ahead = proposed()
  house.wallMs -= 365 * 86_400_000
  house.crash()
  t.ok(proposed() > ahead, 'after a clock that was ahead for a while')
  t.end()
})

t.test('a store that fails: what is told is kept, and comes never again after a kill and a clock set back', (t) => {
  const { house, phone } = alone()
  house.advance(86_400_000)
  phone.contact('active', true)
  const before = house.disk.clockSeconds
  house.isStoreBroken = true
  t.equal(exchange(house, consent(house)), '', 'refused')
  t.match(house.take('error').at(-1), { code: 'unavailable' })
  house.isStoreBroken = false
  house.isStoreHeld = true
  t.equal(exchange(house, consent(house)), '', 'not told before it is committed')
  t.equal(house.disk.clockSeconds, before)
  house.releaseStore()
  const told = grantsOf(phone).at(-1) as GrantFrame
  t.equal(house.take('consent-exchanged').at(-1)?.puid, house.puid(1, APP, told.rotation))
  t.ok(house.disk.clockSeconds > told.rotation, 'in the same commit')
  phone.frame({ kind: 'granted', grant: told.grant, what: 0 })
  house.wallMs -= 30 * 86_400_000
  house.crash()
  phone.contact('active', true)
  exchange(house, consent(house))
  t.ok((grantsOf(phone).at(-1) as GrantFrame).rotation > told.rotation)
  t.end()
})

t.test(
  '[R-10.1-4] after a consent by a device whose clock was far ahead was taken back, a new one is above it',
  async (t) => {
    const { house, phone } = alone()
    const revoked = 16
    for (const ahead of [4_000_000_000, 2 ** 32 - 2]) {
      phone.putList(listFor([{ flags: revoked, rotation: ahead }]))
      const puid = exchange(house, consent(house))
      const { grant, rotation } = grantsOf(phone).at(-1) as GrantFrame
      t.equal(rotation, ahead + 1)
      t.equal(puid, house.puid(1, APP, ahead + 1))
      phone.frame({ kind: 'granted', grant, what: 0 })
      phone.putList(listFor([{ rotation }]))
      t.equal(house.view(1, APP, rotation).state, 'online', 'the application sees them by it')
    }
    phone.putList(listFor([{ flags: revoked, rotation: 2 ** 32 - 1 }]))
    t.not(
      exchange(house, consent(house)),
      house.puid(1, APP, 2 ** 32 - 1),
      'above the last one there is none: never the revoked one again',
    )
  },
)

t.test('a rotation that fits no PUID is not answered', async (t) => {
  const { house, phone } = alone()
  phone.frame({ kind: 'puid-request', app: APP_ID, rotation: 2 ** 32 })
  t.strictSame(phone.of('puid'), [])
  t.equal(house.metrics()['puidRequestsIgnored'], 1)
  phone.frame({ kind: 'puid-request', app: APP_ID, rotation: 2 ** 32 - 1 })
  t.match(phone.of('puid'), [{ puid: house.puid(1, APP, 2 ** 32 - 1) }])
})
