/** What persons are told of themselves: what their devices said, and who asked for them. */
import t from 'tap'
import { ReadCounts } from '../../src/hub/read-counts.js'
import { APP, APP_ID, homely, OTHER_APP } from './house.js'

t.test('devices say what they said last; who asked is counted; other persons are nobody', (t) => {
  const { house, phones, phone } = homely(2)
  const [stranger] = house.person(2)
  phones[1]?.contact('gone')
  const devices = [...phones, ...(stranger === undefined ? [] : [stranger])].map(({ handle }) => handle)
  const view = () => {
    house.ask({ kind: 'person', request: house.nextRequest(), person: 1, devices })
    return house.take('person').at(-1)
  }
  t.match(view(), {
    devices: [
      { device: phone.handle, said: 'active', isInContact: true, idleMs: 0 },
      { device: phones[1]?.handle, said: 'gone', isInContact: false },
    ],
    reads: [],
  })
  t.equal(view()?.devices.length, 2, 'the device of somebody else is left out')
  phone.contact('idle').thresholds(60, 600)
  house.advance(5000)
  t.match(view()?.devices[0], { said: 'idle', idleMs: 5000, awayAfterS: 60, offlineAfterS: 600 })

  const puids = [house.puid(1), house.puid(2), 'forged']
  for (let i = 0; i < 3; i++) house.ask({ kind: 'presence', request: house.nextRequest(), app: APP, puids })
  house.ask({ kind: 'presence', request: house.nextRequest(), app: OTHER_APP, puids: [house.puid(1, OTHER_APP)] })
  t.match(view()?.reads, [{ count: 1 }, { count: 3, appId: APP_ID, lastMs: house.now.wallMs }], 'the latest first')
  house.ask({ kind: 'account-removed', person: 1, devices: [] })
  t.same(view()?.reads, [])
  t.end()
})

t.test('counts are bounded: who was asked for least lately gives way', (t) => {
  const counts = new ReadCounts()
  const now = { monotonicMs: 0, wallMs: 5 }
  for (let person = 1; person <= 50_000; person++) counts.add(person, 1, now)
  counts.add(1, 1, now)
  counts.add(60_000, 1, now)
  t.equal(counts.size, 50_000)
  t.match(counts.of(1), [{ count: 2 }])
  t.same(counts.of(2), [])
  t.end()
})
