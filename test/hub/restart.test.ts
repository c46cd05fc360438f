import t from 'tap'
import { COUNTS_PER_BOOT_SECOND } from '../../src/presence/version.js'
import { APP, House, homely, listFor, OTHER_APP_ID, type Phone } from './house.js'

const HALF_HOUR_MS = 1_800_000

t.test('after a restart everybody is unknown, then offline at one instant', (t) => {
  const { house, phone } = homely()
  phone.lose()
  house.crash()
  const unknown = house.view(1)
  t.match(unknown, { state: 'unknown', cause: 'restart', sinceMs: house.bootedMs })
  house.advance(HALF_HOUR_MS - 1)
  t.same({ ...house.view(1), asOfMs: 0 }, { ...unknown, asOfMs: 0 })
  house.advance(1)
  const offline = house.view(1)
  t.match(offline, { state: 'offline', cause: 'restart', sinceMs: house.bootedMs + HALF_HOUR_MS })
  t.ok(offline.version > unknown.version)
  house.advance(HALF_HOUR_MS)
  t.same({ ...house.view(1), asOfMs: 0 }, { ...offline, asOfMs: 0 })
  t.end()
})

t.test('a person heard again is known when the list is, with one event of cause restart', (t) => {
  const { house, phone } = homely()
  const before = house.view(1)
  house.crash()
  house.subscribe()
  t.same(house.take('restarted'), [
    { kind: 'restarted', stream: 1, bootedMs: house.bootedMs, offlineMs: house.bootedMs + HALF_HOUR_MS },
  ])
  t.same(house.take('snapshot')[0]?.views, [])
  phone.contact('active', true)
  t.same(house.changes(), [])
  t.equal(house.view(1).state, 'unknown')
  t.match(phone.states.at(-1), { version: 1, flags: 1 })
  phone.tellList(listFor([{}]), 1)
  t.same(house.changes(), ['online/restart'])
  const after = house.view(1)
  t.ok(after.version > before.version)
  t.equal(Math.floor(after.version / COUNTS_PER_BOOT_SECOND), house.disk.bootSeconds)
  phone.tellList(listFor([{}]), 1).contact('active', true)
  t.same(house.changes(), [], 'told again: no event')
  t.equal(phone.states.at(-1)?.flags, 0)
  t.end()
})

t.test('a reader that comes back late misses nobody: who was heard meanwhile is told as a change', (t) => {
  const { house, phone } = homely()
  const heardBootMs = house.bootedMs
  house.crash()
  phone.contact('active', true).tellList(listFor([{}]), 1)
  for (const puids of [null, [house.puid(1)]]) {
    house.subscribe(1, APP, puids, heardBootMs)
    t.equal(house.take('restarted').length, 1)
    t.same(house.changes(), ['online/restart'])
    t.same(house.take('snapshot'), [])
  }
  house.subscribe(1, APP, null, house.bootedMs)
  t.same(house.take('restarted'), [], 'told before')
  t.equal(house.take('snapshot')[0]?.views.length, 1)
  phone.contact('gone')
  house.subscribe(1, APP, null, heardBootMs)
  t.same(house.changes(), ['offline/device'], 'heard, and gone again')
  house.advance(HALF_HOUR_MS)
  house.subscribe(1, APP, null, heardBootMs)
  t.same(house.changes(), [], 'nothing is void any more')
  t.equal(house.take('snapshot').length, 1)
  t.end()
})

t.test('a list that is older than the committed one is never applied', (t) => {
  const { house, phone } = homely()
  phone.putList(listFor([])) // version 2 revokes
  house.crash()
  phone.contact('active', true)
  phone.frames.length = 0
  phone.tellList(listFor([{}]), 1)
  t.same(phone.of('list-result'), [{ kind: 'list-result', version: 2, code: 1 }])
  t.equal(house.view(1).state, 'unknown')
  house.advance(HALF_HOUR_MS)
  t.equal(house.view(1).state, 'offline')
  t.end()
})

t.test('who is heard as invisible stays unknown, and offline from the instant on', (t) => {
  const { house, phone } = homely()
  phone.lose()
  const other = house.person(2)[0] as Phone
  other.contact('active', true).putList(listFor([{}]))
  other.putList(listFor([{}], { choice: 2 }))
  house.crash()
  other.contact('active', true).tellList(listFor([{}], { choice: 2 }), 2)
  for (const ms of [0, HALF_HOUR_MS - 1, 1, HALF_HOUR_MS]) {
    house.advance(ms)
    t.same({ ...house.view(2), puid: '' }, { ...house.view(1), puid: '' })
  }
  t.end()
})

t.test('who shows themselves after the instant comes back with cause device', (t) => {
  const { house, phone } = homely()
  house.crash()
  house.advance(HALF_HOUR_MS)
  house.subscribe()
  t.same(house.take('restarted'), [], 'too late to void anything')
  phone.contact('active', true).tellList(listFor([{}]), 1)
  t.same(house.changes(), ['online/device'])
  t.end()
})

t.test('a device that is first heard idle counts as away, and a guess gives way to thresholds', (t) => {
  const { house, phone } = homely()
  house.crash()
  phone.contact('idle', true).tellList(listFor([{}]), 1)
  t.equal(house.view(1).state, 'away')
  phone.thresholds(600, 700)
  t.equal(house.view(1).state, 'away')
  house.advance(100_000)
  t.equal(house.view(1).state, 'offline')
  phone.contact('active').contact('idle')
  t.equal(house.view(1).state, 'online')
  t.end()
})

t.test('a device that says it is gone shows the person as offline', (t) => {
  const { house, phone } = homely()
  house.crash()
  phone
    .contact('active', true)
    .tellList(listFor([{}]), 1)
    .contact('gone')
  t.match(house.view(1), { state: 'offline', cause: 'device' })
  t.end()
})

t.test('persons who are new since the start were never unknown', (t) => {
  const house = new House()
  const phone = house.person(1)[0] as Phone
  t.match(house.view(1), { state: 'offline' })
  house.subscribe()
  phone.contact('active', true).putList(listFor([{}]))
  t.same(house.changes(), ['online/device'])
  t.end()
})

t.test('a clock that was set back and an early restart do not lower versions', (t) => {
  const { house, phone } = homely()
  const versions: number[] = []
  for (let round = 0; round < 6; round++) {
    phone.contact('active', true).tellList(listFor([{}, { app: OTHER_APP_ID }]), 1)
    for (let i = 0; i < 5; i++) {
      phone.lose().contact()
      versions.push(house.view(1).version)
    }
    house.advance(90_000_000)
    versions.push(house.view(1).version)
    house.wallMs -= 100_000_000
    house.crash(0)
    versions.push(house.view(1).version)
  }
  t.ok(versions.every((version, i) => i === 0 || version >= (versions[i - 1] as number)))
  t.equal(new Set(versions).size, versions.length - 6, 'nothing changed while time passed')
  t.end()
})

t.test('a shortened longest silence moves the instant', (t) => {
  const { house, phone } = homely(1, { longestSilenceS: 5 })
  house.crash()
  house.advance(4_999)
  t.equal(house.view(1).state, 'unknown')
  house.advance(1)
  const offline = house.view(1)
  t.equal(offline.state, 'offline')
  phone.contact('active', true).tellList(listFor([{}]), 1)
  t.ok(house.view(1).version > offline.version)
  house.subscribe(3, APP, [house.puid(1)])
  t.same(house.take('restarted'), [])
  t.end()
})
