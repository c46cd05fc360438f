/** What a qlog tells of a real exchange, and what it must not; and what watching costs who is not watched. */
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { QLOG_SCHEMA } from '../../src/trace/qlog.js'
import { Phone, World } from '../client/world.js'
import { testCrypto } from '../support/crypto.js'
import { liveExchange, SECRETS } from './exchange.js'
import { parseQlog, type QlogRecord } from './records.js'

const crypto = await testCrypto()
const exchange = liveExchange(crypto)
const server = parseQlog(exchange.server.records.join(''))
const client = parseQlog(exchange.client.records.join(''))

const named = (events: QlogRecord[], name: string) => events.filter((one) => one.name === `pilotlight:${name}`)
const told = (events: QlogRecord[], name: string, field: string) => named(events, name).map(({ data }) => data[field])

t.test('the head is that of a JSON-SEQ qlog', async (t) => {
  for (const [{ head }, type] of [
    [server, 'server'],
    [client, 'client'],
  ] as const) {
    t.match(head, {
      file_schema: 'urn:ietf:params:qlog:file:sequential',
      serialization_format: 'application/qlog+json-seq',
      trace: {
        event_schemas: [QLOG_SCHEMA],
        vantage_point: { type },
        common_fields: {
          time_format: 'relative_to_epoch',
          reference_time: { clock_type: 'monotonic', epoch: 'unknown', wall_clock_time: '2027-01-15T08:00:00.000Z' },
        },
      },
    })
  }
  t.equal(server.events[0]?.time, 0)
  for (const { events } of [server, client]) {
    const times = events.map(({ time }) => time)
    t.same(
      times,
      [...times].sort((a, b) => a - b),
      'in the order of time',
    )
  }
})

t.test('every datagram is in the log of its sender', async (t) => {
  const sent = (toServer: boolean) => exchange.captured.filter((one) => one.toServer === toServer)
  t.equal(named(server.events, 'packet_sent').length, sent(false).length)
  const bytes = (all: number[]) => all.reduce((sum, one) => sum + one, 0)
  t.equal(bytes(told(server.events, 'packet_sent', 'bytes')), bytes(sent(false).map((one) => one.bytes.length)))
  const came = [...named(server.events, 'packet_received'), ...named(server.events, 'packet_dropped')]
  t.ok(came.length >= sent(true).length)
  t.same(new Set(told(server.events, 'packet_dropped', 'reason')), new Set(['cookie', 'unconfirmed', 'dead-cid']))
})

t.test('both ends tell of the same packets', async (t) => {
  const name = ({ data }: QlogRecord) => `${data['number']} ${data['epoch']} ${JSON.stringify(data['frames'])}`
  const channel = (events: QlogRecord[], what: string) =>
    named(events, what).filter(({ data }) => data['kind'] === 'channel')
  const received = new Set(channel(server.events, 'packet_received').map(name))
  for (const packet of channel(client.events, 'packet_sent')) t.ok(received.has(name(packet)), name(packet))
  const sent = new Set(channel(server.events, 'packet_sent').map(name))
  for (const packet of channel(client.events, 'packet_received')) t.ok(sent.has(name(packet)), name(packet))
})

t.test('keys, boot values, connection IDs, paths, contact, timers and rings are told', async (t) => {
  t.same(new Set(told(server.events, 'keys_updated', 'cause')), new Set(['device-boot', 'server-boot', 'step']))
  t.same(new Set(told(client.events, 'keys_updated', 'cause')), new Set(['device-boot', 'server-boot', 'step']))
  t.equal(
    Math.max(...told(server.events, 'keys_updated', 'epoch')),
    Math.max(...told(client.events, 'keys_updated', 'epoch')),
  )
  t.equal(named(server.events, 'process_started').length, 2, 'the server was started twice')
  t.equal(named(client.events, 'process_started').length, 2, 'and so was the device')
  t.equal(named(client.events, 'boot_updated').length, 2, 'two moves, two more boot values')
  const moves = told(client.events, 'connection_id_updated', 'cid')
  t.equal(moves.length, 2)
  for (const cid of moves) t.ok(told(server.events, 'connection_id_updated', 'cid').includes(cid), cid)
  t.ok(named(server.events, 'path_updated').every(({ data }) => data['path'] === 'proven'))
  t.ok(named(server.events, 'session_confirmed').length >= 2)
  t.same(told(client.events, 'ring_updated', 'state'), ['shown', 'accepted'])
  t.ok(told(client.events, 'contact_updated', 'contact').includes('online'))
  t.equal(told(server.events, 'contact_updated', 'contact').at(-1), 'gone')
  const intervals = named(client.events, 'keepalive_updated').map(({ data }) => data)
  t.ok(intervals.some(({ interval_s, next_in_ms }) => interval_s === 60 && next_in_ms > 50_000 && next_in_ms <= 60_000))
  t.same(told(client.events, 'session_started', 'stored'), [false, true], 'one handshake, one session from the store')
  t.same(new Set(named(server.events, 'session_started').map((one) => one.group_id)), new Set(['s0', 's1']))
})

t.test('a qlog has no keys, texts, pseudonyms or application ids', async (t) => {
  const encoded = (text: string) => [text, hex(new TextEncoder().encode(text)), Buffer.from(text).toString('base64')]
  const secrets = [
    ...Object.values(SECRETS).flatMap(encoded),
    ...[...exchange.server.keys, ...exchange.client.keys].map((line) => line.trim().split(' ').at(-1) as string),
  ]
  for (const log of [exchange.server, exchange.client]) {
    const text = log.records.join('')
    for (const secret of new Set(secrets)) if (text.includes(secret)) t.fail(`it has ${secret}`)
    for (const hexText of text.match(/[0-9a-f]{33,}/g) ?? []) t.fail(`what is ${hexText}?`)
  }
  t.ok(secrets.length > 20)
})

t.test('the key log has a line for each key and connection ID, once', async (t) => {
  const line = /^PILOTLIGHT_(D2S|S2D) [0-9a-f]{10} \d+ ([0-9a-f]{24}|-) ([0-9a-f]{24}|-) [0-9a-f]{64}\n$/
  for (const { keys } of [exchange.server, exchange.client]) {
    t.equal(new Set(keys).size, keys.length)
    for (const one of keys) t.match(one, line)
  }
  const keysOf = (lines: string[], label: string) =>
    new Set(lines.filter((one) => one.startsWith(`PILOTLIGHT_${label}`)).map((one) => one.trim().split(' ').at(-1)))
  for (const label of ['D2S', 'S2D']) {
    const known = keysOf(exchange.server.keys, label)
    for (const key of keysOf(exchange.client.keys, label)) t.ok(known.has(key), `${label}: both ends have the same`)
  }
})

t.test('who is watched does the same', async (t) => {
  const live = (isWatched: boolean): string[] => {
    const observer = isWatched ? { onPacket: () => {}, onNote: () => {} } : null
    const world = new World(crypto, 'same', { observer })
    const phone = new Phone(world)
    phone.more = { keepaliveS: 30, ...(observer === null ? {} : { observer }) }
    phone.start()
    world.run(10_000)
    phone.changeNetwork()
    world.run(100_000)
    world.restartServer()
    world.run(100_000)
    return phone.sent.map(hex)
  }
  const watched = live(true)
  t.ok(watched.length > 8)
  t.same(watched, live(false))
})
