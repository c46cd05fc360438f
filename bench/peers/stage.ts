/** A peer that runs, with what it needs around it, from start to end. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificate } from './certificate.js'
import type { Peer } from './peer.js'
import { freePort, type Program } from './program.js'

/** A server of a peer that runs. */
export interface RunningPeer extends Program {
  port: number
}

/** @param folder of the run; the peer gets one in it. @throws BenchError if it does not start. */
export async function startPeer(
  peer: Peer,
  parts: { folder: string; certificate: Certificate; clients: number; core: number | null },
): Promise<RunningPeer> {
  const folder = join(parts.folder, peer.name)
  mkdirSync(folder, { recursive: true })
  const port = await freePort(peer.transport === 'dtls' || peer.transport === 'udp' ? 'udp' : 'tcp')
  const { certificate, clients, core } = parts
  const program = await peer.start({ folder, port, clients, certificate, core })
  return { port, pid: program.pid, stop: () => program.stop() }
}

/** `missing: install ...`, or null where the peer is installed. */
export function missing(peer: Peer): string | null {
  return peer.version() === null ? `missing: install ${peer.install}` : null
}
