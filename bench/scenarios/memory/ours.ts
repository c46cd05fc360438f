/** What a device costs our server, on UDP and on WebSocket. */

import { nativeCrypto } from '../../../src/native/crypto-native.js'
import { openLoad } from '../../ours/load.js'
import { openFilesOf, slabBytes } from '../../ours/process-memory.js'
import type { OursServer } from '../../ours/server.js'
import { LANES_MAX, settleAll, withFolder, withServer, withStore } from '../../ours/stage.js'
import { type StoreFacts, writeStore } from '../../ours/store-writer.js'
import { type Settled, settledMemory } from './settled.js'

/** Applications in a store where persons have visible ones. */
const APPS = 100
/** Pings between two readings of the memory: enough for some young generations of garbage. */
const PINGS_BETWEEN = 5_000
/** Requests between two readings of a server that has no devices. */
const REQUESTS_BETWEEN = 20
/** Files that a process needs beside its connections. */
export const FILES_BESIDE = 300

/** How many devices speak over what. */
export interface MemoryPlan {
  name: string
  udp: number
  websocket: number
  hasApps: boolean
  /** one device over UDP in so many is heard; the others are loaded and silent */
  every: number
  /** generated before; undefined: a new store is made */
  stored?: StoreFacts | undefined
}

/** What they cost. */
export interface MemoryRow extends Omit<MemoryPlan, 'stored'> {
  devices: number
  /** of the same server without devices */
  baseBytes: number
  rssBytes: number
  /** when all sessions were loaded, before anybody was heard */
  startedBytes: number
  /** (RSS - base) / devices */
  bytesPerDevice: number
  /** objects of the kernel, both ends of each connection on this machine, halved; null where it does not tell */
  kernelBytesPerDevice: number | null
  readings: number
  isSettled: boolean
}

/** Memory of the server with nobody. @param options of `serve`. */
export function baseMemory(seed: string, host: string, options: readonly string[]): Promise<Settled> {
  return withFolder(async (folder) => {
    writeStore(await nativeCrypto(), { folder, seed, devices: 0 })
    return withServer({ folder, host, options }, (server) =>
      settledMemory(
        () => requests(server),
        () => server.memory().rssBytes,
      ),
    )
  })
}

/** Loads the devices from a store, has each ping once, and reads the memory when it is at rest. */
export async function devicesMemory(
  seed: string,
  { stored, ...plan }: MemoryPlan,
  { base, progress }: { base: Settled; progress: (line: string) => void },
): Promise<MemoryRow> {
  const devices = plan.udp + plan.websocket
  // Over ::1 there is one address for all; the connections of one address are limited, so WebSockets have IPv4.
  const host = plan.websocket > 0 ? '127.0.0.1' : '::1'
  const store = { stored, seed, devices, apps: plan.hasApps ? APPS : 0, progress }
  return withStore(await nativeCrypto(), store, async (facts) => {
    const slabBefore = slabBytes()
    return withServer({ folder: facts.folder, host }, async (server) => {
      await server.loaded()
      const startedBytes = server.memory().rssBytes
      const { target } = server
      const lanes = Math.max(1, Math.min(LANES_MAX, plan.udp))
      const udp = await openLoad({ facts, target, seed, lanes, every: plan.every, transport: 'udp' })
      const websocket =
        plan.websocket === 0
          ? null
          : await openLoad({ facts, target, seed: `${seed} ws`, lanes: plan.websocket, transport: 'websocket' })
      try {
        if (plan.udp > 0) await settleAll(udp, plan.websocket, devices)
        if (websocket !== null) await settleAll(websocket, 0, plan.websocket)
        progress(`${plan.name}: ${devices} devices were heard`)
        const work = async () => {
          await requests(server)
          if (plan.udp > 0) await udp.call('run', { from: plan.websocket, pings: PINGS_BETWEEN })
          else await websocket?.call('run', { from: 0, to: plan.websocket, pings: PINGS_BETWEEN })
        }
        const settled = await settledMemory(work, () => server.memory().rssBytes)
        const slabAfter = slabBytes()
        const kernel = slabBefore === null || slabAfter === null ? null : (slabAfter - slabBefore) / 2 / devices
        return {
          ...plan,
          devices,
          baseBytes: base.bytes,
          rssBytes: settled.bytes,
          startedBytes,
          bytesPerDevice: (settled.bytes - base.bytes) / devices,
          kernelBytesPerDevice: plan.websocket === 0 ? 0 : kernel,
          readings: settled.readings,
          isSettled: settled.isSettled,
        }
      } finally {
        await udp.close()
        await websocket?.close()
      }
    })
  })
}

/** WebSockets that a process of this machine can hold. */
export function webSocketsMax(): number {
  return Math.max(0, (openFilesOf(process.pid) ?? 1024) - FILES_BESIDE)
}

async function requests(server: OursServer): Promise<void> {
  for (let nth = 0; nth < REQUESTS_BETWEEN; nth++) await server.metrics()
}
