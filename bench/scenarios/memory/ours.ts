/** What a device costs our server, on UDP and on WebSocket. */

import { setTimeout as pause } from 'node:timers/promises'
import { nativeCrypto } from '../../../src/native/crypto-native.js'
import { openLoad } from '../../ours/load.js'
import { openFilesOf, slabBytes } from '../../ours/process-memory.js'
import type { OursServer } from '../../ours/server.js'
import { LANES_MAX, settleAll, withFolder, withServer, withStore } from '../../ours/stage.js'
import { type StoreFacts, writeStore } from '../../ours/store-writer.js'
import { heardOf } from '../../ours/stored.js'
import { type Settled, settledMemory } from './settled.js'

/** Applications in a store where persons have visible ones. */
const APPS = 100
/** A device at rest pings so often, s. */
const PING_EVERY_S = 1800
/** Between two readings of the memory, s. */
const SECONDS_BETWEEN = 1
/** Requests between two readings. */
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

/** Memory of the server with nobody, at rest. */
export function baseMemory(seed: string, restSeconds: number): Promise<Settled> {
  return withFolder(async (folder) => {
    writeStore(await nativeCrypto(), { folder, seed, devices: 0 })
    return withServer({ folder, host: '::1' }, async (server) => {
      await requests(server)
      await pause(restSeconds * 1000)
      return settledMemory(
        () => requests(server),
        () => server.memory().rssBytes,
      )
    })
  })
}

/** Loads the devices from a store, has each ping once, lets it rest under the pings of idle devices, and reads the memory then. */
export async function devicesMemory(
  seed: string,
  { stored, ...plan }: MemoryPlan,
  { base, restSeconds, progress }: { base: Settled; restSeconds: number; progress: (line: string) => void },
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
        const run = (seconds: number) => {
          const paced = { seconds, perSecond: Math.ceil(heardOf(devices, plan.every) / PING_EVERY_S) }
          if (plan.udp > 0) return udp.call('run', { from: plan.websocket, ...paced })
          return websocket?.call('run', { from: 0, to: plan.websocket, ...paced })
        }
        await run(restSeconds)
        const work = async () => {
          await requests(server)
          await run(SECONDS_BETWEEN)
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
