/** The wire scenario: our exchanges by the real code, peers captured where they are installed, never by formula. */
import t from 'tap'
import { PEERS } from '../../bench/peers/all.js'
import { captureMissing } from '../../bench/peers/capture.js'
import { missing } from '../../bench/peers/stage.js'
import type { Exchange } from '../../bench/scenarios/wire/exchange.js'
import { wire } from '../../bench/scenarios/wire.js'

/** IPv4, TCP and its timestamps, B. */
const TCP_HEADER_BYTES = 52
/** TLS 1.3 record header, content type and tag, B. */
const RECORD_BYTES = 22
/** Application bytes of a ping and its answer on TCP. */
const PING_PAYLOAD: Record<string, number> = {
  'mosquitto-tls': 2 * (2 + RECORD_BYTES),
  'mosquitto-tcp': 2 * 2,
  'nats-tls': 2 * (6 + RECORD_BYTES),
  'aedes-tls': 2 * (2 + RECORD_BYTES),
  'ws-tls': 6 + 2 + 2 * RECORD_BYTES,
}

interface Row {
  source: string
  reason?: string
  version?: string
  reference?: string
  ping: Exchange
  connect: Exchange | null
  ring: Exchange | null
  addressChange: Exchange | null
}

t.test('wire', async (t) => {
  const { result, tables, exitCode } = await wire.run({
    action: null,
    values: {},
    seed: '1',
    progress: (line) => t.comment(line),
  })
  t.equal(exitCode, 0)
  const { peers, exchanges, ...ours } = result as {
    peers: Record<string, Row>
    exchanges: Record<string, Exchange>
    maxUnauthenticatedReplyRatio: number
  }

  t.test('ours is what wire-spec promises', async (t) => {
    t.match(ours, {
      pingBytes: 24,
      pongBytes: 19,
      exchangeIpv4Bytes: 99,
      handshakeBytes: [120, 67],
      ackBytes: 3,
      resetBytes: 13,
      cookieBytes: 45,
    })
    t.ok(ours.maxUnauthenticatedReplyRatio <= 0.6)
    t.ok(ours.maxUnauthenticatedReplyRatio >= 67 / 120, 'message 2 is among the answers')
    t.match(exchanges['ping'], { packets: 2, upBytes: 52, downBytes: 47, bytes: 99 })
    for (const name of ['connect', 'resume', 'ring', 'addressChange', 'addressChangeUnseen', 'serverRestart']) {
      t.ok(exchanges[name]!.upBytes > 0 && exchanges[name]!.downBytes > 0, name)
    }
    t.ok(exchanges['resume']!.bytes < exchanges['connect']!.bytes, 'a process that starts again needs no handshake')
  })

  for (const peer of PEERS) {
    const reason = missing(peer) ?? captureMissing()
    t.test(`${peer.name} is captured`, { skip: reason ?? false }, async (t) => {
      const row = peers[peer.name]!
      t.equal(row.source, 'capture')
      t.equal(row.version, peer.version())
      t.ok(row.connect!.packets >= 6, 'a handshake was seen')
      t.ok(row.addressChange!.bytes > row.ping.bytes)
      const payload = PING_PAYLOAD[peer.name]
      if (payload === undefined) t.match(row.ping, { packets: 2, upBytes: 61, downBytes: 61 })
      else t.equal(row.ping.bytes - row.ping.packets * TCP_HEADER_BYTES, payload)
      t.equal(row.ring === null, peer.speech.calls === undefined)
    })
  }

  t.test('all others are formulas, and say so', async (t) => {
    for (const [name, row] of Object.entries(peers)) {
      if (PEERS.some((peer) => peer.name === name)) continue
      t.equal(row.source, 'formula', name)
      t.ok(row.reference, name)
    }
    t.equal(peers['dtls13-cid']?.ping.bytes, 98)
    t.equal(peers['quic-v1']?.ping.bytes, 108)
    const named = tables.flatMap(({ rows }) => rows.map(([name, source]) => `${name} ${source}`))
    t.ok(named.includes('quic-v1 formula'))
  })
})
