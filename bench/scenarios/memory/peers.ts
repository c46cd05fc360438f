/** What an idle client costs the servers of others. */
import { memoryOf, slabBytes } from '../../ours/process-memory.js'
import { withFolder } from '../../ours/stage.js'
import { PEERS } from '../../peers/all.js'
import { makeCertificate } from '../../peers/certificate.js'
import { Generator } from '../../peers/generator.js'
import type { Peer } from '../../peers/peer.js'
import { missing, startPeer } from '../../peers/stage.js'
import { settledMemory } from './settled.js'

/** What a client costs, or why that is not known. */
export interface PeerMemory {
  /** null where it is missing or failed */
  clients: number | null
  bytesPerClient: number | null
  /** objects of the kernel, both ends on this machine, halved */
  kernelBytesPerClient: number | null
  baseBytes: number | null
  version: string | null
  /** why there are no numbers */
  missing: string | null
}

/** Every peer with so many clients, one after the other. */
export async function peersMemory(
  clients: number,
  progress: (line: string) => void,
): Promise<Record<string, PeerMemory>> {
  const found: Record<string, PeerMemory> = {}
  for (const peer of PEERS) {
    const why = missing(peer)
    if (why === null) progress(`memory: ${clients} clients of ${peer.name}`)
    found[peer.name] =
      why === null
        ? await peerMemory(peer, clients, progress).catch((error: Error) => nothing(peer, error.message))
        : nothing(peer, why)
  }
  return found
}

function nothing(peer: Peer, why: string): PeerMemory {
  const none = { clients: null, bytesPerClient: null, kernelBytesPerClient: null, baseBytes: null }
  return { ...none, version: peer.version(), missing: why }
}

function peerMemory(peer: Peer, clients: number, progress: (line: string) => void): Promise<PeerMemory> {
  return withFolder(async (folder) => {
    const server = await startPeer(peer, {
      folder,
      certificate: makeCertificate(folder),
      clients: clients + 1,
      core: null,
    })
    const generator = new Generator(peer, server.port, { core: null, progress })
    const read = () => memoryOf(server.pid)?.rssBytes ?? 0
    try {
      const baseBytes = read()
      const slabBefore = slabBytes()
      let connected = Math.min(clients, 10)
      // Connects the rest in tenths: the server works between readings, and a limit of its own is met early.
      while (connected < clients) {
        await generator.connect(connected)
        connected = Math.min(clients, connected + Math.ceil(clients / 10))
      }
      await generator.connect(clients)
      const settled = await settledMemory(() => generator.connect(clients), read)
      const slabAfter = slabBytes()
      const kernel = slabBefore === null || slabAfter === null ? null : (slabAfter - slabBefore) / 2 / clients
      return {
        clients,
        bytesPerClient: (settled.bytes - baseBytes) / clients,
        kernelBytesPerClient: kernel,
        baseBytes,
        version: peer.version(),
        missing: null,
      }
    } finally {
      await generator.stop()
      await server.stop()
    }
  })
}
