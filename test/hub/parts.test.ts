import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { checkedHubConfig, HUB_LIMITS_DEFAULT } from '../../src/hub/config.js'
import { cutName, DEVICE_NAME_BYTES_MAX } from '../../src/hub/device-name.js'
import { HUB_DROPS } from '../../src/hub/hub-metrics.js'
import { Outbox } from '../../src/hub/outbox.js'
import { BlockPool } from '../../src/presence/block-pool.js'
import { zoneTable } from '../presence/zone-table.js'
import { House, homely, listFor, type Phone } from './house.js'

const options = {
  crypto: nobleCrypto,
  random: new SeededRandom(1),
  puidKey: new Uint8Array(32),
  bootSeconds: 1,
  bootedMs: 1,
  zones: zoneTable,
}

t.test('options: defaults, and what is refused', (t) => {
  t.match(checkedHubConfig(options), { longestSilenceS: 1800, bootedMonotonicMs: 0, limits: HUB_LIMITS_DEFAULT })
  t.equal(checkedHubConfig({ ...options, limits: { openPerApp: 2 } }).limits.openPerApp, 2)
  for (const wrong of [
    { puidKey: new Uint8Array(31) },
    { bootSeconds: -1 },
    { bootedMs: Number.NaN },
    { longestSilenceS: Infinity },
    { limits: { tellMs: -1 } },
  ]) {
    t.throws(() => checkedHubConfig({ ...options, ...wrong }), { code: 'PL_BAD_OPTION' })
  }
  t.end()
})

t.test('names are cut at a character', (t) => {
  t.same([cutName('Ada'), cutName('')], ['Ada', ''])
  t.equal(cutName(`x${'é'.repeat(60)}`), `x${'é'.repeat(31)}`)
  t.ok(new TextEncoder().encode(cutName('é'.repeat(60))).length <= DEVICE_NAME_BYTES_MAX)
  t.end()
})

t.test('requests to the store have numbers of their own', (t) => {
  const outbox = new Outbox()
  t.not(outbox.nextRequest(), outbox.nextRequest())
  t.end()
})

t.test('what is left of a segment of blocks is used too', (t) => {
  const pool = new BlockPool()
  const first = pool.take(256)
  for (let unit = 256; unit + 192 <= 8_192; unit += 192) pool.take(192)
  pool.take(256)
  t.equal(pool.allocatedBytes, 2 * 65_536)
  const rest = (8_192 - 256) % 192
  t.ok(rest > 0)
  const block = pool.take(rest)
  t.ok(block > first + 255 && block <= 8_192)
  t.equal(pool.allocatedBytes, 2 * 65_536)
  t.end()
})

t.test('metrics are numbers, with every drop from the start', (t) => {
  const { house } = homely()
  house.ask({ kind: 'metrics', request: 7 })
  const [reply] = house.take('metrics')
  t.equal(reply?.request, 7)
  for (const name of HUB_DROPS) t.type(reply?.metrics[name], 'number', name)
  t.ok(Object.values(reply?.metrics ?? {}).every(Number.isFinite))
  t.match(reply?.metrics, { persons: 1, devices: 1, devicesInContact: 1, personsOnline: 1, apps: 2, listCommits: 1 })
  t.end()
})

t.test('an application that is added at run time', (t) => {
  const { house, phone } = homely()
  const appId = Uint8Array.of(5, 5, 5, 5, 5, 5, 5, 5)
  house.ask({ kind: 'app-added', app: 9, appId, name: 'new' })
  house.ask({ kind: 'app-added', app: 9, appId, name: 'again' })
  phone.frame({ kind: 'puid-request', app: appId, rotation: 0 })
  phone.putList(listFor([{ app: appId }]))
  t.equal(house.views([phone.of('puid')[0]?.puid ?? ''], 9)[0]?.state, 'online')
  house.ask({ kind: 'app-removed', app: 9 })
  house.ask({ kind: 'app-removed', app: 9 })
  t.equal(house.metrics()['apps'], 2)
  t.end()
})

t.test('rows of devices and persons are used again by others', (t) => {
  const { house, phone } = homely()
  house.ask({ kind: 'device-removed', device: phone.handle, code: 2 })
  house.ask({ kind: 'device-removed', device: phone.handle, code: 2 })
  house.ask({ kind: 'device-added', person: 2, device: phone.handle + 1, rotation: 4 })
  phone.contact()
  t.equal(house.metrics()['eventsOfStrangers'], 1, 'the handle of the owner before is dead')
  house.event({ kind: 'contact', device: phone.handle + 1, state: 'active', fresh: true })
  t.equal(house.metrics()['devicesInContact'], 1)
  house.ask({ kind: 'device-added', person: 2, device: phone.handle + 2, rotation: 5 })
  t.match(house.metrics(), { devices: 1, devicesInContact: 0 })
  house.ask({ kind: 'account-removed', person: 77, devices: [] })
  house.ask({ kind: 'account-removed', person: 2, devices: [] })
  house.ask({ kind: 'account-added', person: 2 })
  house.ask({ kind: 'account-added', person: 2 })
  t.match(house.metrics(), { devices: 0, persons: 2 })
  t.end()
})

t.test('parts that are too long or out of range are not taken', (t) => {
  const { house, phone } = homely()
  phone.frame({ kind: 'visibility', version: 1, index: 0, count: 1, part: new Uint8Array(1_025) })
  phone.frame({ kind: 'visibility', version: 1, index: 1, count: 1, part: new Uint8Array(1) })
  t.equal(house.metrics()['listPartsIgnored'], 2)
  t.end()
})

t.test('a device ahead of a restored server commits with its own base', (t) => {
  const { house, phone } = homely()
  phone.commitList(listFor([]), 7, 8)
  t.match(phone.of('list-result').at(-1), { version: 8, code: 0 })
  t.equal(house.version(1), 8)
  t.end()
})

t.test('the hub and the store disagree about the version: the store is right', (t) => {
  const { house, phone } = homely()
  house.disk.persons.set(1, { version: 5, sealed: null })
  phone.commitList(listFor([]), 1, 2)
  t.match(phone.of('list-result').at(-1), { version: 5, code: 1 })
  phone.frame({ kind: 'sync', version: 1 })
  t.match(phone.states.at(-1), { version: 5, flags: 1 })
  t.end()
})

t.test('an account that is removed while its list is on the way', (t) => {
  const house = new House()
  const phone = house.person(1)[0]?.contact('active', true) as Phone
  house.isStoreHeld = true
  phone.commitList(listFor([]), 0, 1).frame({ kind: 'want-list', index: 0 })
  house.ask({ kind: 'account-removed', person: 1, devices: [] })
  house.releaseStore()
  t.equal(phone.of('list-result').length, 0)
  t.equal(house.metrics()['listTransfers'], 0)
  house.advance(120_000)
  t.end()
})
