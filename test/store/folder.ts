import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { partsBelow } from '../../src/endpoint/device-handle.js'
import type { Call } from '../../src/store/call.js'
import { type Engine, openEngine } from '../../src/store/engine.js'
import { openStore, type StoreOptions } from '../../src/store/open.js'
import { type DevicePart, handleIn, partsOf, sessionIn } from '../../src/store/parts.js'
import type { Boot, Enrolment, Store } from '../../src/store/store.js'

/** A moment in 2026 for tests that need one. */
export const NOW = 1_780_000_000_000
/** Later than any run of these tests: threads go by the real clock. */
export const FAR_MS = 9_000_000_000_000

/** An empty folder that is removed after the test. */
export function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-store-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A store that is closed after the test. */
export async function newStore(t: Test, options: Partial<StoreOptions> = {}): Promise<Store> {
  const store = await openStore({ folder: newFolder(t), crypto: 'noble', ...options })
  t.teardown(() => store.close().catch(() => {}))
  return store
}

/** An engine with a clock that the test moves. */
export interface TestEngine {
  engine: Engine
  clock: { ms: number }
}

/** The store without its thread. */
export function newEngine(t: Test, folder: string): TestEngine {
  const clock = { ms: 0 }
  const keyFile = join(folder, 'keys.json')
  const engine = openEngine({ folder, keyFile, crypto: nobleCrypto, monotonicMs: () => clock.ms })
  t.teardown(() => {
    try {
      engine.close()
    } catch {
      // the test broke it
    }
  })
  return { engine, clock }
}

/**
 * A store whose thread is this one: the same engine, at once. The thread itself is tested in thread.test.ts; starting
 * one costs a second or two here, because it compiles its own TypeScript.
 */
export function localStore(t: Test, folder = newFolder(t)): Store {
  const { engine } = newEngine(t, folder)
  const one = (call: Call): unknown => {
    const [outcome] = engine.run([call])
    if (outcome === undefined || 'error' in outcome) throw outcome?.error
    return outcome.value
  }
  const alone = {
    boot: async (wallMs: number) => engine.boot(wallMs),
    persons: async (from: number) => engine.persons(from),
    devices: async (part: number) => engine.devices(part),
    rotateKeys: async (wallMs: number) => engine.rotateKeys(wallMs),
    backup: (file: string) => engine.backup(file),
    close: async () => engine.close(),
  }
  return new Proxy({} as Store, {
    get(_, method: keyof Store | 'then') {
      if (method === 'then') return undefined
      return Reflect.get(alone, method) ?? (async (...args: never[]) => one({ method, args } as unknown as Call))
    },
  })
}

/** A device as a start loads it. */
export interface LoadedDevice {
  device: number
  person: number
  rotation: number
  session: Uint8Array | null
}

/** All that a start loads: `boot`, and the parts that follow it. `unreadable` counts sessions too. */
export async function loaded(
  store: Pick<Store, 'boot' | 'persons' | 'devices'>,
  wallMs = NOW,
): Promise<Boot & { devices: LoadedDevice[]; persons: Map<number, number>; parts: number }> {
  const boot = await store.boot(wallMs)
  const persons = new Map<number, number>()
  for await (const { count, persons: keys, listVersions } of partsOf((from) => store.persons(from))) {
    for (let at = 0; at < count; at++) persons.set(keys[at] as number, listVersions[at] as number)
  }
  let { unreadable } = boot
  let parts = 0
  const devices: LoadedDevice[] = []
  for (const number of partsBelow(0, boot.slots)) {
    const part = await store.devices(number)
    parts++
    unreadable += part.unreadable
    devices.push(...devicesIn(part))
  }
  return { ...boot, unreadable, devices, persons, parts }
}

/** The devices of a part. */
export function devicesIn(part: DevicePart): LoadedDevice[] {
  return Array.from({ length: part.count }, (_, at) => {
    const [person, rotation] = [part.persons[at] as number, part.rotations[at] as number]
    return { device: handleIn(part, at, 0), person, rotation, session: sessionIn(part, at)?.slice() ?? null }
  })
}

/** Bytes that a test recognises again. */
export function bytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7 + (i >> 3)) & 0xff)
}

/** Enrols a device with `bytes(32, seed)` as its public key. */
export async function enrolled(store: Store, account: string, seed: number): Promise<Enrolment> {
  const code = await store.addEnrolmentCode(account, NOW, 60_000)
  const result = await store.enrol(code ?? '', bytes(32, seed), `phone ${seed}`, NOW)
  if (typeof result === 'string') throw new Error(result)
  return result
}

/** Starts another file of this folder as a process of its own. */
export function child(file: string, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url))
  return spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
}
