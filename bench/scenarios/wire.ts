import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chosenPeers } from '../peers/all.js'
import { captureMissing } from '../peers/capture.js'
import { type Certificate, makeCertificate } from '../peers/certificate.js'
import type { Peer } from '../peers/peer.js'
import { missing, startPeer } from '../peers/stage.js'
import type { Outcome, Request, Scenario, Table } from '../scenario.js'
import { capturePeer, type PeerExchanges } from './wire/captured.js'
import type { Exchange } from './wire/exchange.js'
import { formulaRows } from './wire/formulas.js'
import { measureOurs, type OurWire } from './wire/ours.js'

/** One peer in the result. */
type PeerRow =
  | ({ source: 'capture'; version: string } & PeerExchanges)
  | ({ source: 'formula'; title: string; reference: string } & PeerExchanges)
  | { source: 'missing'; reason: string }

const EXCHANGES = ['ping', 'connect', 'resume', 'ring', 'addressChange'] as const

/** Bytes and packets of each exchange: ours by the real code, peers captured, else by formula. */
export const wire: Scenario = {
  name: 'wire',
  summary: 'bytes and packets of each exchange, ours and those of peers: captured on the loopback, or by formula',
  actions: [],
  options: {
    peers: { type: 'string', placeholder: 'A,B', help: 'peers to capture; all' },
  },
  wordsInAll: [[]],
  wordsInSmoke: [[]],
  checkSmoke: ({ result }) => {
    const { pingBytes, pongBytes, peers } = result as { pingBytes: number; pongBytes: number; peers: object }
    const isGood = pingBytes === 24 && pongBytes === 19 && Object.keys(peers).length > 0
    return isGood ? [] : [`wire: a ping of ${pingBytes} B, a pong of ${pongBytes} B`]
  },
  run,
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const chosen = chosenPeers(values['peers'])
  const ours = await measureOurs(seed)
  const { exchanges, ...numbers } = ours
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-wire-'))
  const peers: Record<string, PeerRow> = {}
  try {
    const certificate = makeCertificate(folder)
    const captured = chosen.map(async (peer) => {
      progress(`wire: ${peer.name}`)
      return [peer.name, await captureRow(peer, folder, certificate)] as const
    })
    for (const [name, row] of await Promise.all(captured)) peers[name] = row
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  for (const { name, ...row } of formulaRows()) peers[name] = { source: 'formula', ...row }
  return {
    result: { ...numbers, exchanges, peers },
    parameters: { peers: chosen.map(({ name }) => name) },
    tables: [numbersTable(ours), exchangeTable(ours, peers), sourceTable(peers)],
    exitCode: 0,
  }
}

async function captureRow(peer: Peer, folder: string, certificate: Certificate): Promise<PeerRow> {
  const reason = missing(peer) ?? captureMissing()
  if (reason !== null) return { source: 'missing', reason }
  const running = await startPeer(peer, { folder, certificate, clients: 8, core: null })
  try {
    return { source: 'capture', version: peer.version() ?? '', ...(await capturePeer(peer, running)) }
  } finally {
    await running.stop()
  }
}

function numbersTable(ours: OurWire): Table {
  return {
    title: 'Pilotlight, bytes of UDP payload',
    columns: ['what', 'bytes'],
    rows: [
      ['ping', ours.pingBytes],
      ['pong', ours.pongBytes],
      ['ping and pong with IPv4 and UDP headers', ours.exchangeIpv4Bytes],
      ['message 1', ours.handshakeBytes[0]],
      ['message 2', ours.handshakeBytes[1]],
      ['what the ack of a ring adds to a ping', ours.ackBytes],
      ['reset', ours.resetBytes],
      ['cookie', ours.cookieBytes],
      ['largest answer to anything unauthenticated, as a share of its trigger', ours.maxUnauthenticatedReplyRatio],
    ],
  }
}

function exchangeTable({ exchanges }: OurWire, peers: Record<string, PeerRow>): Table {
  const row = (name: string, source: string, found: PeerExchanges): (string | null)[] => [
    name,
    source,
    ...EXCHANGES.map((exchange) => text(found[exchange])),
  ]
  return {
    title: 'Exchanges: packets / bytes of IPv4 (up + down)',
    columns: ['', 'source', 'ping', 'connect', 'resume', 'ring and ack', 'address change'],
    rows: [
      row('Pilotlight', 'real code', exchanges),
      row('Pilotlight, new address that it does not know of', 'real code', {
        ...NONE,
        addressChange: exchanges.addressChangeUnseen,
      }),
      row('Pilotlight, server killed and started', 'real code', { ...NONE, resume: exchanges.serverRestart }),
      ...Object.entries(peers).map(([name, peer]) =>
        peer.source === 'missing' ? [name, peer.reason, ...EXCHANGES.map(() => null)] : row(name, peer.source, peer),
      ),
    ],
    notes: [
      'Without link headers. Connect: until the application protocol is ready, late tickets and acknowledgements included; ours with the ' +
        'first ping and the spare connection ID. Resume: a new process or connection with what the last one left; ours is a process that ' +
        'starts again. Peers on TCP or without connection IDs connect anew after an address change (with a TLS ticket where the server ' +
        'resumes). Ours with a new address that it does not know of, and after a killed server: the ping that finds it out is in it.',
      'Captured on the loopback, MTU 65,536, TCP timestamps on; the certificate is one self-signed P-256, a real chain adds 2 to 3 KB. ' +
        'A ring is one message with 96 B of text (ours sealed and padded to 256 B), and the device’s word that it came: PUBACK with MQTT, a message of 8 B with ' +
        'nats and ws. The DTLS client here offers one cipher suite and few extensions: hellos of others are larger.',
    ],
  }
}

const NONE: PeerExchanges = { connect: null, ping: null, ring: null, resume: null, addressChange: null }

function text(exchange: Exchange | null): string | null {
  if (exchange === null) return null
  const { packets, bytes, upBytes, downBytes } = exchange
  return `${packets} / ${bytes} (${upBytes} + ${downBytes})`
}

function sourceTable(peers: Record<string, PeerRow>): Table {
  return {
    title: 'Where the rows are from',
    columns: ['peer', 'source', 'what'],
    rows: Object.entries(peers).map(([name, peer]) => {
      if (peer.source === 'capture') return [name, 'capture', `version ${peer.version}`]
      if (peer.source === 'formula') return [name, 'formula', `${peer.title}: ${peer.reference}`]
      return [name, 'missing', peer.reason]
    }),
  }
}
