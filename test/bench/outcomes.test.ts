/** The outcomes scenario, small: a real server that is killed, devices over UDP, webhooks, and the book that judges. */
import t from 'tap'
import { OutcomeBook } from '../../bench/scenarios/outcomes/book.js'

const ended = (id: string, state = 'accepted', more = {}) => ({ id, state, endedAt: 'then', ...more })

/** A book of three rings, `a` told as it should be. */
function book(): OutcomeBook {
  const made = new OutcomeBook(3, () => true)
  made.open(0, 'a')
  made.tell('webhook', ended('a'))
  made.tell('read', ended('a'))
  return made
}

t.test('the book: the same again is no duplicate, in any order of its fields', async (t) => {
  const made = book()
  t.equal(made.tell('webhook', { endedAt: 'then', state: 'accepted', id: 'a' }), null, 'told before')
  made.tell('stream', { id: 'a', state: 'delivered', endedAt: null })
  made.tellDevice(0, 'accepted')
  made.tellDevice(0, 'answered-elsewhere')
  made.tellDevice(0, 'missed')
  t.match(made.verdict(), { rings: 1, outcomes: 1, duplicates: 0, missing: 0, devicesDiffer: 0, faults: [] })
})

t.test('the book: what differs, what nobody sent and what is not told everywhere is found', async (t) => {
  const another = book()
  another.tell('reread', ended('a', 'missed'))
  another.tell('webhook', ended('a', 'accepted', { by: 'somebody' }))
  another.tell('read', { id: 'a', state: 'delivered', endedAt: null })
  t.match(another.verdict(), { outcomes: 1, duplicates: 3, missing: 0 })

  const unknown = book()
  unknown.tell('webhook', ended('b'))
  t.match(unknown.verdict(), { rings: 1, duplicates: 1 }, 'a key that made two rings')
  unknown.open(1, 'b')
  t.match(unknown.verdict(), { rings: 2, outcomes: 1, duplicates: 0, missing: 1 }, 'its answer came late; never read')
  unknown.tell('read', { id: 'b', state: 'sent', endedAt: null })
  t.match(unknown.verdict(), { duplicates: 1, missing: 1 }, 'ended by webhook, not for GET')

  const device = book()
  device.tellDevice(0, 'dismissed')
  t.match(device.verdict(), { devicesDiffer: 1, duplicates: 0 })
})
