/** A peer's exchanges, captured between its real server and a client here. */

import type { Segment } from '../../pcap/transport.js'
import { Capture } from '../../peers/capture.js'
import { DtlsLink } from '../../peers/links/dtls-link.js'
import { StreamLink } from '../../peers/links/stream-link.js'
import type { Peer } from '../../peers/peer.js'
import { EMPTY_PING } from '../../peers/speech/coap.js'
import type { RunningPeer } from '../../peers/stage.js'
import { type Exchange, exchangeOf } from './exchange.js'

/** Exchanges that a peer may have; null where it has none of that kind. */
export interface PeerExchanges {
  connect: Exchange | null
  ping: Exchange | null
  /** a message to the device, and its word that it came */
  ring: Exchange | null
  /** a new connection with what the last one left, such as a TLS ticket */
  resume: Exchange | null
  /** from the first packet on the new network until the device can be reached */
  addressChange: Exchange | null
}

const TOKEN = '00000001'

/** @throws BenchError if the capture fails; Error if the peer does not answer as it should. */
export async function capturePeer(peer: Peer, running: RunningPeer): Promise<PeerExchanges> {
  const capture = await Capture.start(running.port)
  const target = { host: '127.0.0.1', port: running.port }
  try {
    if (peer.transport === 'dtls') return await captureDtls(peer, target, capture)
    return await captureStream(peer, target, capture)
  } finally {
    await capture.stop()
  }
}

type Target = { host: string; port: number }

async function captureStream(peer: Peer, target: Target, capture: Capture): Promise<PeerExchanges> {
  const { transport, speech } = peer
  const isTls = transport !== 'tcp'
  const measure = async (link: StreamLink, run: () => Promise<void> | void): Promise<Exchange> => {
    await run()
    return ofDevice(await capture.settle(), target.port, link.localPort)
  }
  const device = new StreamLink(target, { transport, speech, client: 1, wantsSession: isTls })
  const connect = await measure(device, () => device.open())
  const ping = await measure(device, () => answered(device))
  const ring = await captureRing(peer, target, device, measure)
  device.close()
  await capture.settle()
  const again = new StreamLink(target, { transport, speech, client: 1, session: device.session })
  const reconnect = await measure(again, () => again.open())
  const resume = again.isResumed ? reconnect : null
  again.close()
  return { connect, ping, ring, resume, addressChange: reconnect }
}

/** From the server's message to the device until the device's word for it has come. */
async function captureRing(
  { transport, speech }: Peer,
  target: Target,
  device: StreamLink,
  measure: (link: StreamLink, run: () => Promise<void> | void) => Promise<Exchange>,
): Promise<Exchange | null> {
  const { calls } = speech
  if (calls === undefined) return null
  const app = new StreamLink(target, { transport, speech, client: 0 })
  await app.open()
  await app.ask(calls.join(0), calls.readyBytes)
  await device.ask(calls.join(1), calls.readyBytes)
  app.onBytes = () => {}
  device.onBytes = (bytes) => {
    const found = calls.read(bytes)
    if (found?.call === undefined) return
    device.say(found.reply ?? calls.answer(1, found.call))
  }
  await measure(device, () => {})
  const ring = await measure(device, () => app.say(calls.call(1, TOKEN)))
  app.close()
  return ring
}

async function captureDtls(peer: Peer, target: Target, capture: Capture): Promise<PeerExchanges> {
  const { speech } = peer
  const device = new DtlsLink(target, speech)
  await device.open()
  const connect = ofDevice(await capture.settle(), target.port, device.localPort)
  await new Promise<void>((resolve) => {
    device.onBytes = () => resolve()
    device.say(EMPTY_PING)
  })
  const ping = ofDevice(await capture.settle(), target.port, device.localPort)
  // Another port is another session for a server without connection IDs: a handshake again.
  const moved = new DtlsLink(target, speech)
  await moved.open()
  const addressChange = ofDevice(await capture.settle(), target.port, moved.localPort)
  device.close()
  moved.close()
  return { connect, ping, ring: null, resume: null, addressChange }
}

function answered(link: StreamLink): Promise<void> {
  return new Promise((resolve) => {
    link.onPong = resolve
    link.ping()
  })
}

function ofDevice(segments: readonly Segment[], port: number, devicePort: number): Exchange {
  const own = segments.filter(({ sourcePort, destinationPort }) =>
    [sourcePort, destinationPort].every((one) => one === port || one === devicePort),
  )
  return exchangeOf(own.map(({ sourcePort, ipBytes }) => ({ up: sourcePort === devicePort, ipBytes })))
}
