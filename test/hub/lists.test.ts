import t from 'tap'
import { splitList } from '../../src/frame/list-parts.js'
import { encodePersonList } from '../../src/frame/person-list.js'
import { mayCommit } from '../../src/hub/list-commits.js'
import { APP_ID, House, homely, listFor, OTHER_APP_ID, type Phone } from './house.js'

/** A list of three parts. */
const long = listFor(
  Array.from({ length: 200 }, (_, i) => ({ app: Uint8Array.of(0, 0, 0, 0, 0, 0, i >> 8, i & 255), flags: 1 })),
  { status: 'x'.repeat(100) },
)

const results = (phone: Phone) => phone.of('list-result').map(({ version, code }) => [version, code])

t.test('[R-10-3] a list is committed before LIST_RESULT, and the others are told', (t) => {
  const { house, phones } = homely(2)
  const [first, second] = phones as [Phone, Phone]
  house.isStoreHeld = true
  first.commitList(listFor([]), 1, 2)
  t.same(results(first), [])
  house.releaseStore()
  t.same(results(first), [[2, 0]])
  t.equal(house.version(1), 2)
  t.match(second.states, [{ version: 2, flags: 0 }])
  t.equal(first.states.length, 0)
  t.end()
})

t.test('[R-10-4] visibility is applied only whole and only as the committed version', (t) => {
  const { house, phone } = homely()
  phone.commitList(listFor([]), 1, 2)
  phone.tellList(listFor([]), 3)
  t.same(results(phone).slice(1), [[2, 1]])
  t.equal(house.view(1).state, 'online', 'the list before counts until the new one comes')
  phone.tellList(listFor([]), 2)
  t.same(results(phone).slice(2), [[2, 2]])
  t.equal(house.view(1).state, 'offline')
  const parts = splitList(encodePersonList(long))
  t.ok(parts.length >= 3)
  phone.commitList(long, 2, 3)
  for (const index of [2, 0, 2, 0]) {
    phone.frame({
      kind: 'visibility',
      version: 3,
      index,
      count: parts.length,
      part: (parts[index] as Uint8Array).slice(),
    })
  }
  t.equal(results(phone).length, 4)
  for (const index of parts.keys()) {
    phone.frame({
      kind: 'visibility',
      version: 3,
      index,
      count: parts.length,
      part: (parts[index] as Uint8Array).slice(),
    })
  }
  t.same(results(phone).slice(4), [[3, 2]])
  t.end()
})

t.test('plaintext that breaks the rules is not applied', (t) => {
  const { house, phone } = homely()
  phone.commitList(listFor([]), 1, 2)
  phone.frame({ kind: 'visibility', version: 2, index: 0, count: 1, part: Uint8Array.of(0x80) })
  t.equal(house.metrics()['visibilityInvalid'], 1)
  t.equal(house.view(1).state, 'online')
  t.end()
})

t.test('two devices change the list at once: one wins, the other hears of the conflict', (t) => {
  const { house, phones } = homely(2)
  const [first, second] = phones as [Phone, Phone]
  house.isStoreHeld = true
  first.commitList(listFor([{}]), 1, 2)
  second.commitList(listFor([]), 1, 2)
  house.releaseStore()
  t.same(results(first), [[2, 0]])
  t.same(results(second), [[2, 1]], 'answered too, as soon as the first is stored')
  t.same(house.disk.persons.get(1)?.sealed, encodePersonList(listFor([{}])))
  t.equal(house.metrics()['listConflicts'], 1)
  t.equal(house.metrics()['listCommits'], 2)
  // It takes the newest first, and changes that.
  second.frame({ kind: 'want-list', index: 0 })
  t.match(second.of('list-part'), [{ version: 2, index: 0, count: 1, part: encodePersonList(listFor([{}])) }])
  second.commitList(listFor([]), 2, 3)
  t.same(results(second).slice(1), [[3, 0]])
  t.end()
})

t.test('parts of two devices that come mixed are two lists, and both devices are answered', (t) => {
  const { house, phones } = homely(2)
  const parts = splitList(encodePersonList(long)).map((part) => part.slice())
  parts.forEach((part, index) => {
    for (const phone of phones) {
      phone.frame({ kind: 'list', base: 1, version: 2, index, count: parts.length, part })
    }
  })
  t.same(phones.map(results), [[[2, 0]], [[2, 1]]])
  parts.forEach((_, index) => {
    const plain = splitList(encodePersonList(long))[index] as Uint8Array
    for (const phone of phones) {
      phone.frame({ kind: 'visibility', version: 2, index, count: parts.length, part: plain.slice() })
    }
  })
  t.same(
    phones.map((phone) => results(phone).at(-1)),
    [
      [2, 2],
      [2, 2],
    ],
  )
  t.equal(house.metrics()['listTransfers'], 2)
  t.end()
})

t.test('a device that begins another list while one is being stored is told of the last only', (t) => {
  const { house, phone } = homely()
  house.isStoreHeld = true
  phone.commitList(listFor([{}]), 1, 2)
  phone.commitList(listFor([]), 1, 2)
  house.releaseStore()
  t.same(results(phone), [[2, 1]], 'the first was committed, which is not what it asks about now')
  t.equal(house.version(1), 2)
  t.end()
})

t.test('a removed device leaves no upload for the next owner of its row', (t) => {
  const { house, phones } = homely(2)
  const second = phones[1] as Phone
  const before = house.metrics()['listTransfers'] as number
  const part = new Uint8Array(1024)
  second.frame({ kind: 'list', base: 1, version: 2, index: 0, count: 2, part })
  second.frame({ kind: 'visibility', version: 1, index: 0, count: 2, part })
  t.equal(house.metrics()['listTransfers'], before + 2)
  house.ask({ kind: 'device-removed', device: second.handle, code: 2 })
  t.equal(house.metrics()['listTransfers'], before)
  t.end()
})

t.test('a result that was lost is told again for the last part, or for all parts again', (t) => {
  const { house, phone } = homely()
  phone.commitList(long, 1, 2)
  const parts = splitList(encodePersonList(long))
  const index = parts.length - 1
  phone.frame({
    kind: 'list',
    base: 1,
    version: 2,
    index,
    count: parts.length,
    part: (parts[index] as Uint8Array).slice(),
  })
  phone.commitList(long, 1, 2)
  t.same(results(phone), [
    [2, 0],
    [2, 0],
    [2, 0],
  ])
  t.equal(house.metrics()['listCommits'], 2)
  house.advance(60_000)
  phone.commitList(long, 1, 2)
  t.same(results(phone).slice(3), [[2, 1]], 'after a minute it is a list that was committed by somebody')
  t.end()
})

t.test('parts out of order, of another sealing, too long: not taken', (t) => {
  const { house, phone } = homely()
  const parts = splitList(encodePersonList(long)).map((part) => part.slice())
  const send = (index: number, part = parts[index] as Uint8Array) => {
    phone.frame({ kind: 'list', base: 1, version: 2, index, count: parts.length, part })
  }
  send(1)
  t.equal(house.metrics()['listPartsIgnored'], 1, 'the first part begins')
  send(0)
  send(2)
  send(1, new Uint8Array(1025))
  t.equal(house.metrics()['listPartsIgnored'], 3)
  send(1)
  send(1, Uint8Array.of(1))
  send(1)
  send(0, Uint8Array.of(9))
  for (const index of parts.keys()) send(index)
  t.same(results(phone), [[2, 0]], 'begun anew')
  t.same(house.disk.persons.get(1)?.sealed, encodePersonList(long))
  t.end()
})

t.test('a transfer is forgotten after a minute; the oldest gives way when there are too many', (t) => {
  const house = new House({ limits: { transfersMax: 2 } })
  const phones = [1, 2, 3].map((person) => house.person(person)[0]?.contact('active', true) as Phone)
  const part = new Uint8Array(1024)
  for (const phone of phones) phone.frame({ kind: 'list', base: 0, version: 1, index: 0, count: 2, part })
  t.equal(house.metrics()['listTransfers'], 2)
  for (const phone of phones) phone.frame({ kind: 'list', base: 0, version: 1, index: 1, count: 2, part })
  t.same(
    phones.map((phone) => results(phone).length),
    [0, 1, 1],
  )
  house.advance(60_000)
  t.equal(house.metrics()['listTransfers'], 0)
  t.end()
})

t.test('[R-10-3] mayCommit: by compare-and-set, or from a device ahead of a restored server', (t) => {
  const ofNow = 277 * 235_929_600
  const jump = 2 ** 32
  const table: [number, number, number, boolean][] = [
    [0, 0, 1, true],
    [5, 5, 6, true],
    [5, 5, 9, true],
    [5, 7, 8, true],
    [5, 7, 9, true],
    [5, 5, 5, false],
    [5, 7, 7, false],
    [5, 7, 6, false],
    [5, 4, 5, false],
    [5, 4, 6, false],
    [5, 3, 9, false],
    [5, 5, 4, false],
    [5, 5, ofNow + jump, true],
    [5, 5, ofNow + jump + 1, false],
    [ofNow + 7, ofNow + 7, ofNow + 7 + jump, true],
    [ofNow + 7, ofNow + 7, ofNow + 8 + jump, false],
    [5, ofNow + jump - 1, ofNow + jump, true],
    [5, ofNow + jump, ofNow + jump + 1, false],
    [5, 2 ** 48 - 2, 2 ** 48 - 1, false],
    [0, 0, 2 ** 48 - 1, false],
  ]
  for (const [current, base, version, expected] of table) {
    const now = { monotonicMs: 0, wallMs: 1_000_000_999 }
    t.equal(mayCommit(current, base, version, now), expected, `${current}: ${base} -> ${version}`)
  }
  t.end()
})

t.test('a device that is ahead of a restored server brings the list back', (t) => {
  const { house, phone } = homely()
  for (let version = 1; version < 5; version++) phone.putList(listFor([{}]))
  const { version } = { version: house.version(1) }
  house.disk.persons.set(1, { version: 2, sealed: Uint8Array.of(1) })
  house.crash()
  phone.contact('active', true)
  t.equal(phone.states.at(-1)?.version, 2)
  phone.commitList(listFor([{}]), 2, version)
  t.equal(house.version(1), version)
  phone.tellList(listFor([{}]), version)
  t.equal(house.view(1).state, 'online')
  t.end()
})

t.test('a revocation while the other device sleeps stays, whatever that device sends when it wakes', (t) => {
  const { house, phones } = homely(2)
  const [first, sleeper] = phones as [Phone, Phone]
  sleeper.lose()
  first.putList(listFor([{ app: OTHER_APP_ID }]))
  t.equal(house.view(1).state, 'offline')
  first.lose()
  house.crash()
  sleeper.frames.length = 0
  sleeper.contact('active', true)
  t.match(sleeper.states, [{ version: 2, flags: 1 }])
  sleeper.tellList(listFor([{}]), 1).commitList(listFor([{}]), 1, 2)
  t.same(results(sleeper), [
    [2, 1],
    [2, 1],
  ])
  t.equal(house.view(1).state, 'unknown')
  sleeper.frame({ kind: 'want-list', index: 0 })
  t.same(sleeper.of('list-part')[0]?.part, encodePersonList(listFor([{ app: OTHER_APP_ID }])))
  sleeper.tellList(listFor([{ app: OTHER_APP_ID }]), 2)
  house.advance(1_800_000)
  t.equal(house.view(1).state, 'offline')
  t.end()
})

t.test('[R-10-5] STATE after a handshake, a SYNC, and when the version changed meanwhile', (t) => {
  const { phones } = homely(2)
  const [first, second] = phones as [Phone, Phone]
  first.contact('active', true)
  t.equal(first.states.length, 1)
  first.contact('idle').contact('active')
  t.equal(first.states.length, 1)
  first.frame({ kind: 'sync', version: 1 })
  t.equal(first.states.length, 2)
  second.lose()
  first.putList(listFor([{}]))
  t.equal(second.states.length, 0)
  second.contact()
  t.match(second.states, [{ version: 2, flags: 0 }], 'without being asked')
  second.lose().contact()
  t.equal(second.states.length, 1)
  t.end()
})

t.test('one STATE waits on a device; one that is refused is tried again', (t) => {
  const { house, phone } = homely()
  phone.acks = false
  for (let i = 0; i < 3; i++) {
    phone.frame({ kind: 'sync', version: 1 }).frame({ kind: 'sync', version: 1 })
    house.advance(1_000)
  }
  const cancelled = house.commands.filter(({ kind }) => kind === 'cancel')
  t.same(
    cancelled.map((command) => (command.kind === 'cancel' ? command.id : 0)),
    phone.states.slice(0, 2).map(({ id }) => id),
  )
  house.event({ kind: 'unacked', device: phone.handle, id: phone.states[2]?.id ?? 0 })
  house.advance(10_000)
  t.equal(phone.states.length, 4)
  phone.lose().contact()
  t.equal(phone.states.length, 5)
  phone.ack(phone.states[4]?.id ?? 0)
  phone.lose().contact()
  t.equal(phone.states.length, 5)
  t.end()
})

t.test(
  '[R-10-5] contact and the SYNC of the same packet bring one STATE, also when a clock ticks between them',
  (t) => {
    const { house, phone } = homely()
    phone.acks = false
    phone.contact('active', true)
    house.advance(2)
    phone.frame({ kind: 'sync', version: 1 })
    t.equal(phone.states.length, 1)
    house.advance(1_000)
    phone.frame({ kind: 'sync', version: 1 })
    t.equal(phone.states.length, 2, 'a later SYNC is answered')
    t.end()
  },
)

t.test('[R-10-5] a STATE that asks for the visibility is not repeated when it has come', (t) => {
  const { house } = homely(2)
  house.crash()
  const [first, second] = house.phones as [Phone, Phone]
  for (const phone of [first, second]) {
    phone.acks = false
    phone.contact('active', true)
    t.match(phone.states, [{ version: 1, flags: 1 }])
  }
  first.tellList(listFor([]), 1)
  const cancelled = house.commands.flatMap((command) => (command.kind === 'cancel' ? [command.id] : []))
  t.same(cancelled.sort(), [first.states[0]?.id, second.states[0]?.id].sort())
  t.equal(first.states.length, 1, 'who sent it knows')
  t.match(second.states.slice(1), [{ version: 1, flags: 0 }], 'the other is told what holds now')
  first.lose().contact()
  t.equal(first.states.length, 1, 'nothing is owed')
  t.end()
})

t.test('if the visibility does not follow a commit, everybody is asked for it', (t) => {
  const { house, phones } = homely(2)
  const [first, second] = phones as [Phone, Phone]
  first.commitList(listFor([]), 1, 2)
  t.match(second.states, [{ version: 2, flags: 0 }])
  house.advance(10_000)
  t.match(first.states, [{ version: 2, flags: 1 }])
  t.match(second.states.at(-1), { version: 2, flags: 1 })
  second.tellList(listFor([]), 2)
  first.frame({ kind: 'sync', version: 2 })
  t.equal(first.states.at(-1)?.flags, 0)
  t.end()
})

t.test('[R-10-4] if it does not come then either, nobody sees the person by the last list', (t) => {
  const { house, phones } = homely(2)
  const [first, second] = phones as [Phone, Phone]
  t.equal(house.view(1).state, 'online')
  first.commitList(listFor([{ app: OTHER_APP_ID }]), 1, 2)
  first.lose() // before it told the new visibility
  house.advance(19_999)
  t.equal(house.view(1).state, 'online', 'it is on its way')
  house.advance(1)
  t.equal(house.view(1).state, 'offline', 'the consent may have been taken back, and it was')
  second.tellList(listFor([{}, { app: OTHER_APP_ID }]), 2)
  t.equal(house.view(1).state, 'online', 'what a device tells of the committed list counts again')
  first
    .commitList(listFor([]), 2, 3)
    .commitList(listFor([{}]), 3, 4)
    .tellList(listFor([{}]), 4)
  house.advance(60_000)
  t.equal(house.view(1).state, 'online', 'it came in time')
  t.end()
})

t.test('WANT_LIST: the store is asked once; a list that is not there has version 0', (t) => {
  const { house, phone } = homely()
  phone.commitList(long, 1, 2)
  house.isStoreHeld = true
  for (const index of [0, 1, 2, 9]) phone.frame({ kind: 'want-list', index })
  t.equal(house.held.length, 1)
  house.releaseStore()
  for (const index of [0, 1, 2, 9]) phone.frame({ kind: 'want-list', index })
  t.same(
    phone.of('list-part').map(({ version, index, count }) => [version, index, count]),
    [0, 1, 2].map((index) => [2, index, splitList(encodePersonList(long)).length]),
  )
  const empty = house.person(9)[0]?.contact('active', true) as Phone
  empty.frame({ kind: 'want-list', index: 0 })
  t.match(empty.of('list-part'), [{ version: 0, index: 0, count: 1, part: new Uint8Array(0) }])
  t.end()
})

t.test('a store that fails leaves the list as it was, and the device sends it again', (t) => {
  const { house, phone } = homely()
  house.isStoreBroken = true
  phone.commitList(listFor([]), 1, 2)
  t.same(results(phone), [])
  house.isStoreBroken = false
  phone.commitList(listFor([]), 1, 2)
  t.same(results(phone), [[2, 0]])
  t.end()
})

t.test('PUID_REQUEST: the name that the application knows; empty for an application that is not here', (t) => {
  const { house, phone } = homely()
  phone.frame({ kind: 'puid-request', app: APP_ID, rotation: 3 })
  t.same(phone.of('puid'), [{ kind: 'puid', app: APP_ID, rotation: 3, puid: house.puid(1, 1, 3) }])
  const stranger = new Uint8Array(8)
  phone.frame({ kind: 'puid-request', app: stranger, rotation: 0 })
  t.equal(phone.of('puid')[1]?.puid, '')
  phone.frame({ kind: 'puid-request', app: APP_ID, rotation: 2 ** 32 })
  t.equal(phone.of('puid').length, 2)
  t.end()
})
