import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { deviceHandle } from '../../src/endpoint/device-handle.js'
import { encodePersonList } from '../../src/frame/person-list.js'
import { Hub } from '../../src/hub/hub.js'
import { zoneTable } from '../presence/zone-table.js'
import { APP_ID, BOOTED_MS, listFor, OTHER_APP_ID, PUID_KEY } from './house.js'

const PERSONS = 10_000

/** A hub with persons of one device each, all heard, idle and visible to two applications. */
function idleHub() {
  const hub = new Hub({
    crypto: nobleCrypto,
    random: new SeededRandom(1),
    puidKey: PUID_KEY,
    bootSeconds: 1_800_000_000,
    bootedMs: BOOTED_MS,
    zones: zoneTable,
  })
  hub.addApp(1, APP_ID, 'one')
  hub.addApp(2, OTHER_APP_ID, 'two')
  for (let person = 1; person <= PERSONS; person++) {
    hub.addPerson(person, 1)
    hub.addDevice(deviceHandle(person % 4, person, 1), person)
  }
  const part = encodePersonList(listFor([{}, { app: OTHER_APP_ID }]))
  const now = { monotonicMs: 1_000, wallMs: BOOTED_MS + 1_000 }
  for (let person = 1; person <= PERSONS; person++) {
    const device = deviceHandle(person % 4, person, 1)
    hub.handleEvent({ kind: 'contact', device, state: 'idle', fresh: true }, now)
    const frame = { kind: 'visibility', version: 1, index: 0, count: 1, part } as const
    hub.handleEvent({ kind: 'frame', device, frame }, now)
    for (let command = hub.pollCommand(); command !== null; command = hub.pollCommand()) {
      if (command.kind !== 'send') continue
      for (const sent of command.frames) {
        if ('id' in sent) hub.handleEvent({ kind: 'acked', device, id: sent.id }, now)
      }
    }
  }
  return { hub, now }
}

t.test('persons and devices at rest have no objects: every side map is empty', (t) => {
  const { hub, now } = idleHub()
  const metrics = hub.metrics()
  t.equal(metrics['persons'], PERSONS)
  t.equal(metrics['personsAway'], PERSONS, 'idle after a restart counts as away')
  t.equal(metrics['visibilityEntries'], PERSONS * 2)
  for (const name of [
    'personsWithHoursOrTexts',
    'personsSeenOtherwise',
    'listTransfers',
    'keyRequests',
    'ringsOpen',
    'ringsTelling',
    'idempotencyKeys',
    'streams',
    'devicesWithFramesWaiting',
    'timers',
  ]) {
    t.equal(metrics[name], 0, name)
  }
  t.equal(hub.nextTimeout(), Infinity)
  hub.handleTimeout({ monotonicMs: now.monotonicMs + 3_600_000, wallMs: now.wallMs + 3_600_000 })
  t.equal(hub.pollCommand(), null)
  t.equal(hub.pollReply(), null)
  t.end()
})

t.test('bytes of the tables stay within what their docstrings say', (t) => {
  const { hub } = idleHub()
  const { tableBytes } = hub.metrics() as { tableBytes: number }
  // Rows come in segments of 4096: four workers' devices and one range of persons round up to 16,384 and 12,288 rows.
  const rows = { devices: 4 * 3 * 4096, persons: 3 * 4096 }
  t.ok(tableBytes <= rows.devices * 24 + rows.persons * 32 + PERSONS * 2 * 8 + 65_536, `${tableBytes} B`)
  t.end()
})

t.test('tables shrink when persons and devices go, and take newcomers', (t) => {
  const { hub, now } = idleHub()
  const bytes = () => (hub.metrics() as { tableBytes: number }).tableBytes
  for (let person = 1; person <= PERSONS; person++)
    hub.handleRequest({ kind: 'account-removed', person, devices: [] }, now)
  const removed: number[] = []
  for (let command = hub.pollCommand(); command !== null; command = hub.pollCommand()) {
    if (command.kind === 'remove') removed.push(command.device)
  }
  t.equal(removed.length, PERSONS)
  // One segment of devices, the pool of visibility entries, and the persons: applications saw them, and read that they went.
  t.ok(bytes() <= 4096 * 24 + 3 * 4096 * 32 + PERSONS * 2 * 8 + 65_536, `${bytes()} B`)
  const device = deviceHandle(1, 5001, 2)
  hub.handleRequest({ kind: 'device-added', device, person: PERSONS + 1, rotation: 5 }, now)
  hub.handleEvent({ kind: 'contact', device, state: 'active', fresh: true }, now)
  t.equal(hub.metrics()['devicesInContact'], 1)
  hub.handleEvent({ kind: 'contact', device: deviceHandle(1, 5001, 1), state: 'active', fresh: true }, now)
  t.equal(hub.metrics()['eventsOfStrangers'], 1, 'the one before is not here')
  t.end()
})

t.test('persons whom nobody saw leave nothing', (t) => {
  const { hub, now } = idleHub()
  const bytes = () => (hub.metrics() as { tableBytes: number }).tableBytes
  const before = bytes()
  for (let person = 20_000; person < 30_000; person++) hub.handleRequest({ kind: 'account-added', person }, now)
  t.ok(bytes() >= before + 10_000 * 31)
  for (let person = 20_000; person < 30_000; person++)
    hub.handleRequest({ kind: 'account-removed', person, devices: [] }, now)
  t.ok(bytes() <= before + 4096 * 32)
  t.end()
})

t.test('who reports the same again makes no event and no timer', (t) => {
  const { hub, now } = idleHub()
  hub.handleRequest({ kind: 'subscribe', stream: 1, app: 1, puids: [], heardBootMs: null }, now)
  while (hub.pollReply() !== null);
  for (let person = 1; person <= 100; person++) {
    hub.handleEvent({ kind: 'contact', device: deviceHandle(person % 4, person, 1), state: 'idle', fresh: false }, now)
  }
  t.equal(hub.pollReply(), null)
  t.equal(hub.pollCommand(), null)
  t.equal(hub.metrics()['timers'], 0)
  t.end()
})
