/** tools/wireshark/pilotlight.lua on captures of a real exchange, with and without its keys, and on what strangers send. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { testCrypto } from '../support/crypto.js'
import { captureFile, webSocketCapture } from './capture-file.js'
import { type Captured, liveExchange, SECRETS } from './exchange.js'
import { parseQlog, type QlogRecord } from './records.js'
import { Tshark, tsharkMissing } from './tshark.js'

const missing = tsharkMissing()
const folder = mkdtempSync(join(tmpdir(), 'pilotlight-tshark-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const exchange = liveExchange(await testCrypto())
const capture = captureFile(exchange.captured)
const keyLog = exchange.server.keys.join('')
const tshark = new Tshark(folder)
const options = missing === null ? {} : { skip: missing }

/** Channel packets as the server logged them: way, number, epoch, frames. */
function loggedPackets(): string[] {
  const { events } = parseQlog(exchange.server.records.join(''))
  const isPacket = ({ name, data }: QlogRecord) => /packet_(sent|received)$/.test(name) && data['kind'] === 'channel'
  return events
    .filter((event) => isPacket(event) && event.data['frames'] !== undefined)
    .map(({ name, data }) => {
      const names = (data['frames'] as { frame_type: string }[]).map(({ frame_type }) => frame_type)
      const frames = names.filter((frame) => frame !== 'padding').join(',')
      return `${name.endsWith('sent') ? 's2d' : 'd2s'} ${data['number']} ${data['epoch']} ${frames}`
    })
}

t.test('with a key log every packet that the server opened or sealed shows its frames', options, async (t) => {
  const names = ['pilotlight.direction', 'pilotlight.number', 'pilotlight.epoch', 'pilotlight.frame']
  const shown = tshark
    .fields(capture, names, keyLog, ['-Y', 'pilotlight.epoch'])
    .map((packet) => names.map((name) => packet[name]).join(' '))
  const logged = loggedPackets()
  t.ok(logged.length > 150, `${logged.length} packets`)
  t.same([...shown].sort(), [...logged].sort())
  const kinds = new Set(shown.flatMap((line) => (line.split(' ')[3] as string).split(',')))
  for (const kind of ['ping', 'pong', 'sync', 'clock', 'new-cid', 'state', 'ack', 'list', 'list-result', 'visibility'])
    t.ok(kinds.has(kind), kind)
  for (const kind of [
    'notify',
    'verdict',
    'outcome',
    'puid',
    'challenge',
    'response',
    'step',
    'stepped',
    'key-request',
  ])
    t.ok(kinds.has(kind), kind)
})

t.test('frames show what they say', options, async (t) => {
  const names = ['ring', 'app', 'rotation', 'deadline', 'title', 'body', 'url', 'payload'].map(
    (name) => `pilotlight.notify.${name}`,
  )
  const [notify] = tshark.fields(capture, names, keyLog, ['-Y', 'pilotlight.frame == "notify"'])
  t.match(notify, {
    'pilotlight.notify.ring': exchange.ring,
    'pilotlight.notify.app': SECRETS.app,
    'pilotlight.notify.title': SECRETS.title,
    'pilotlight.notify.body': SECRETS.body,
    'pilotlight.notify.url': SECRETS.url,
    'pilotlight.notify.payload': hex(new TextEncoder().encode(SECRETS.payload)),
    'pilotlight.notify.deadline': /^1800000\d{6}$/,
  })
  const pings = tshark.fields(capture, ['pilotlight.ping.state', 'pilotlight.ping.seconds'], keyLog, [
    '-Y',
    'pilotlight.ping.class == 4',
  ])
  t.same(pings[0], { 'pilotlight.ping.state': '0', 'pilotlight.ping.seconds': '60' })
  const malformed = tshark.lines(capture, ['-Y', '_ws.expert.severity >= "Warning"'], keyLog)
  t.same(malformed, [], 'nothing of ours looks wrong')
})

t.test('the key log of a device opens the packets of that device', options, async (t) => {
  const opened = tshark.fields(capture, ['pilotlight.number'], exchange.client.keys.join(''), [
    '-Y',
    'pilotlight.epoch',
  ])
  const { events } = parseQlog(exchange.client.records.join(''))
  const isOpened = ({ name, data }: QlogRecord) =>
    (name === 'pilotlight:packet_sent' || name === 'pilotlight:packet_received') && data['kind'] === 'channel'
  t.ok(opened.length >= events.filter(isOpened).length, `${opened.length}`)
})

t.test('a capture that begins late shows what it can, and nothing that was not', options, async (t) => {
  const names = ['pilotlight.direction', 'pilotlight.number', 'pilotlight.epoch', 'pilotlight.frame']
  const late = captureFile(exchange.captured.slice(45))
  const shown = tshark.fields(late, names, keyLog, ['-Y', 'pilotlight.epoch'])
  const logged = new Set(loggedPackets())
  for (const packet of shown) t.ok(logged.has(names.map((name) => packet[name]).join(' ')))
  t.ok(shown.length > 60, `${shown.length} of ${exchange.captured.length - 45}`)
  // Numbers of one byte say nothing before one of four was seen.
  const closed = tshark.fields(late, ['pilotlight.flags.long'], keyLog, ['-Y', 'pilotlight.no_key'])
  t.ok(closed.length > 0)
})

t.test('without keys the headers are shown, and nothing else', options, async (t) => {
  const names = [
    'kind',
    'direction',
    'flags',
    'cid',
    'boot',
    'number_low',
    'message1.mac1',
    'message2.e',
    'cookie.nonce',
    'reset.token',
    'frame',
  ]
  const shown = tshark.fields(
    capture,
    names.map((name) => `pilotlight.${name}`),
  )
  t.equal(shown.length, exchange.captured.length)
  exchange.captured.forEach(({ bytes, toServer }, at) => {
    const fields = shown[at] as Record<string, string>
    const first = bytes[0] as number
    const isChannel = first >= 0x80
    const expected = {
      'pilotlight.direction': toServer ? 'd2s' : 's2d',
      'pilotlight.kind': isChannel ? '' : `0x0${first}`,
      'pilotlight.flags': isChannel ? `0x${first.toString(16)}` : '',
      'pilotlight.cid': isChannel && toServer ? hex(bytes.subarray(1, 6)) : '',
      'pilotlight.message1.mac1': first === 1 || first === 2 ? hex(bytes.subarray(104, 120)) : '',
      'pilotlight.message2.e': first === 3 ? hex(bytes.subarray(1, 33)) : '',
      'pilotlight.cookie.nonce': first === 4 ? hex(bytes.subarray(1, 13)) : '',
      'pilotlight.reset.token': first === 5 ? hex(bytes.subarray(1)) : '',
      'pilotlight.frame': '',
    }
    if (Object.entries(expected).some(([name, value]) => fields[name] !== value))
      t.match(fields, expected, `packet ${at + 1}`)
  })
  const kinds = new Set(exchange.captured.map(({ bytes }) => Math.min(bytes[0] as number, 0x80)))
  t.same(
    [...kinds].sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 0x80],
    'every kind of datagram is in the capture',
  )
  t.ok(shown.some((fields) => fields['pilotlight.boot']?.length === 24))
})

t.test('truncated, flipped and random datagrams raise no error', options, async (t) => {
  const random = new SeededRandom('strangers')
  const bytesOf = (count: number) => random.fill(new Uint8Array(count))
  const device = (exchange.captured[0] as Captured).device
  const spoilt: Captured[] = exchange.captured.flatMap((one, at) => {
    const cut = one.bytes.subarray(0, (at * 7) % (one.bytes.length + 1))
    const flipped = one.bytes.slice()
    const [where = 0, bit = 0] = bytesOf(2)
    flipped[where % flipped.length] = (flipped[where % flipped.length] as number) ^ (1 << (bit % 8))
    return [one, { ...one, bytes: cut }, { ...one, bytes: flipped }]
  })
  for (let count = 0; count < 300; count++) {
    spoilt.push({ atMs: 0, bytes: bytesOf(count), toServer: count % 2 === 0, device })
  }
  for (const kind of [1, 2, 3, 4, 5, 0x80, 0xff]) {
    for (let count = 1; count < 140; count += 3) {
      const bytes = bytesOf(count)
      bytes[0] = kind
      spoilt.push({ atMs: 0, bytes, toServer: count % 2 === 0, device })
    }
  }
  const shown = tshark.lines(captureFile(spoilt), ['-V', '-O', 'pilotlight'], keyLog)
  t.ok(shown.length > spoilt.length)
  t.notOk(shown.some((line) => /Dissector bug|Malformed Packet/.test(line)))
})

t.test('frames that break the rules are named, and raise no error', options, async (t) => {
  const crypto = await testCrypto()
  const key = new Uint8Array(32).fill(7)
  const random = new SeededRandom('frames')
  const cid = Uint8Array.from([1, 2, 3, 4, 5])
  const device = (exchange.captured[0] as Captured).device
  const spoil = (plaintext: Uint8Array, number: number): Captured => {
    const header = Uint8Array.from([0xc8, ...cid, 0, 0, number >> 8, number & 255])
    const nonce = new Uint8Array(12)
    nonce.set([number >> 8, number & 255], 10)
    const bytes = Uint8Array.from([...header, ...crypto.seal(key, nonce, header, plaintext)])
    return { atMs: number, bytes, toServer: true, device }
  }
  const texts = [
    '9b00ffffffffffffff',
    '5bffffffffffffffff',
    '8101',
    '80',
    '8181818181818100',
    'a0',
    'fb',
    '04f604',
    '8219ffff',
    '9a7fffffff',
  ]
  const broken = [...texts.map((text) => Uint8Array.from(Buffer.from(text, 'hex')))]
  for (let count = 0; count < 300; count++) broken.push(random.fill(new Uint8Array(1 + (count % 60))))
  const file = captureFile(broken.map((plaintext, at) => spoil(plaintext, at + 1)))
  const line = `PILOTLIGHT_D2S ${hex(cid)} 0 ${'0'.repeat(24)} - ${hex(key)}\n`
  t.equal(tshark.lines(file, ['-Y', 'pilotlight.number'], line).length, broken.length, 'all opened')
  const named = tshark.fields(file, ['pilotlight.number'], line, ['-Y', 'pilotlight.frames'])
  const rulebreakers = [1, 2, 4, 5, 6, 7, 8, 10]
  for (const number of rulebreakers)
    t.ok(
      named.some((one) => one['pilotlight.number'] === `${number}`),
      `${texts[number - 1]}`,
    )
})

t.test('another port by Decode As; guessing is off unless asked for', options, async (t) => {
  const elsewhere = captureFile(exchange.captured, 9999)
  const count = (words: string[]) => tshark.lines(elsewhere, [...words, '-Y', 'pilotlight'], keyLog).length
  t.equal(count([]), 0)
  t.equal(count(['-d', 'udp.port==9999,pilotlight']), exchange.captured.length)
  t.ok(count(['-o', 'pilotlight.heuristic:TRUE']) > exchange.captured.length - 5)
})

t.test('WebSocket messages are datagrams', options, async (t) => {
  const some = exchange.captured.filter(({ device }) => hex(device) === hex((exchange.captured[0] as Captured).device))
  const names = ['pilotlight.direction', 'pilotlight.frame']
  const shown = tshark.fields(webSocketCapture(some.slice(0, 12)), names, keyLog, ['-Y', 'pilotlight'])
  t.same(
    shown.map((one) => one['pilotlight.direction']),
    some.slice(0, 12).map(({ toServer }) => (toServer ? 'd2s' : 's2d')),
  )
  t.ok(shown.filter((one) => one['pilotlight.frame'] !== '').length >= 8)
})
