/** A hub whose devices come after it has begun to serve. */
import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { deviceHandle, partOf, SLOTS_PER_PART, slotOf } from '../../src/endpoint/device-handle.js'
import type { EndpointCommand } from '../../src/endpoint/message.js'
import { Hub } from '../../src/hub/hub.js'
import type { HubReply } from '../../src/hub/message.js'
import { PuidCodec } from '../../src/presence/puid.js'
import { zoneTable } from '../presence/zone-table.js'
import { APP, APP_ID, BOOTED_MS, homely, listFor, PUID_KEY } from './house.js'

const NOW = { monotonicMs: 1_000, wallMs: BOOTED_MS + 1_000 }
/** In two parts. */
const [PHONE, TABLET] = [deviceHandle(0, 5, 1), deviceHandle(0, SLOTS_PER_PART + 5, 1)] as [number, number]
const [FIRST, SECOND] = [partOf(PHONE), partOf(TABLET)] as [number, number]

/** Person 1 has both devices; nothing of them is loaded. */
function startedHub(): Hub {
  const hub = new Hub({
    crypto: nobleCrypto,
    random: new SeededRandom('hub'),
    puidKey: PUID_KEY,
    bootSeconds: BOOTED_MS / 1000,
    bootedMs: BOOTED_MS,
    zones: zoneTable,
  })
  hub.addApp(APP, APP_ID, 'chat')
  hub.addPerson(1, 0)
  hub.expectDevices(0, SLOTS_PER_PART + 6)
  return hub
}

/** Loads a part with these devices of person 1. */
function load(hub: Hub, part: number, ...devices: number[]): void {
  for (const device of devices) hub.addDevice(device, 1)
  hub.handleLoaded(part, NOW)
}

function commands(hub: Hub): EndpointCommand[] {
  const all: EndpointCommand[] = []
  for (let next = hub.pollCommand(); next !== null; next = hub.pollCommand()) all.push(next)
  return all
}

function replies(hub: Hub): HubReply[] {
  const all: HubReply[] = []
  for (let next = hub.pollReply(); next !== null; next = hub.pollReply()) all.push(next)
  return all
}

t.test('a removal waits for its device, which was read before it; then it is removed', async (t) => {
  const hub = startedHub()
  hub.handleRequest({ kind: 'device-removed', device: TABLET, code: 2 }, NOW)
  t.same(commands(hub), [])
  t.same([hub.pollWanted(), hub.pollWanted()], [SECOND, null])
  load(hub, SECOND, TABLET)
  t.same(commands(hub), [{ kind: 'remove', device: TABLET, code: 2 }])
  t.match(hub.metrics(), { devices: 0, devicePartsToLoad: 1 })
  load(hub, FIRST, PHONE)
  t.match(hub.metrics(), { devices: 1, devicePartsToLoad: 0 })
  hub.handleRequest({ kind: 'device-removed', device: PHONE, code: 2 }, NOW)
  t.equal(commands(hub).length, 1, 'at once, when all are here')
})

t.test('one that was read after it is just not there', async (t) => {
  const hub = startedHub()
  hub.handleRequest({ kind: 'device-removed', device: TABLET, code: 2 }, NOW)
  load(hub, SECOND)
  t.same(commands(hub), [{ kind: 'remove', device: TABLET, code: 2 }])
  t.equal(hub.metrics()['devices'], 0)
})

t.test('a slot that gets another owner meanwhile has that one, however the part was read', async (t) => {
  const heir = deviceHandle(0, slotOf(TABLET), 2)
  const addHeir = { kind: 'device-added', device: heir, person: 2, rotation: 4 } as const
  for (const inPart of [TABLET, heir, null]) {
    const hub = startedHub()
    hub.handleRequest({ kind: 'device-removed', device: TABLET, code: 2 }, NOW)
    hub.handleRequest(addHeir, NOW)
    // The heir's person is not told yet when the part comes.
    if (inPart !== null) hub.addDevice(inPart, inPart === heir ? 2 : 1)
    hub.handleLoaded(SECOND, NOW)
    t.same(commands(hub), [
      { kind: 'remove', device: TABLET, code: 2 },
      { kind: 'add', device: heir, rotation: 4 },
    ])
    t.match(hub.metrics(), { devices: 1, persons: 2 })
    hub.handleEvent({ kind: 'contact', device: heir, state: 'active', fresh: true }, NOW)
    hub.handleEvent({ kind: 'contact', device: TABLET, state: 'active', fresh: true }, NOW)
    t.match(hub.metrics(), { devicesInContact: 1, eventsOfStrangers: 1 })
  }
})

t.test('an account goes when all its devices are here', async (t) => {
  const hub = startedHub()
  hub.handleRequest({ kind: 'account-removed', person: 1, devices: [PHONE, TABLET] }, NOW)
  load(hub, FIRST, PHONE)
  t.same(commands(hub), [], 'not yet')
  t.same([hub.pollWanted(), hub.pollWanted(), hub.pollWanted()], [FIRST, SECOND, null])
  load(hub, SECOND, TABLET)
  t.same(
    commands(hub)
      .map(({ device }) => device)
      .sort(),
    [PHONE, TABLET],
  )
  t.match(hub.metrics(), { devices: 0, persons: 0 })
})

t.test('what a person is told of their devices waits for them; presence is unknown meanwhile', async (t) => {
  const hub = startedHub()
  const puid = new PuidCodec(nobleCrypto, PUID_KEY, APP_ID).write({ person: 1, rotation: 0 })
  hub.handleRequest({ kind: 'presence', request: 1, app: APP, puids: [puid] }, NOW)
  t.match(replies(hub), [{ kind: 'presence', views: [{ puid, state: 'unknown', cause: 'restart' }] }])
  hub.handleRequest({ kind: 'person', request: 2, person: 1, devices: [TABLET] }, NOW)
  t.same(replies(hub), [])
  load(hub, SECOND, TABLET)
  t.match(replies(hub), [{ kind: 'person', request: 2, devices: [{ device: TABLET, said: 'unknown' }] }])
})

t.test('after a part is here its devices count, and the others are no less there', async (t) => {
  const hub = startedHub()
  load(hub, SECOND, TABLET)
  hub.handleEvent({ kind: 'contact', device: TABLET, state: 'active', fresh: true }, NOW)
  t.match(hub.metrics(), { devices: 1, devicesInContact: 1 })
  load(hub, FIRST, PHONE)
  t.match(hub.metrics(), { devices: 2, devicesInContact: 1 })
})

t.test(
  'rings of before the start, and those that come before their device is here, ring when it is heard',
  async (t) => {
    const { house, phone } = homely()
    house.ring(1, { title: 'before' })
    t.equal(phone.notifies.length, 1)
    house.slotsToLoad = 2000
    house.crash()
    phone.frames.length = 0
    house.ring(1, { title: 'meanwhile' })
    house.load(1)
    house.load(0)
    t.same(phone.notifies, [])
    phone.contact('active', true).tellList(listFor([{}]), 1)
    t.same(phone.notifies.map(({ title }) => title).sort(), ['before', 'meanwhile'])
  },
)
