/** A generated store, the ordinary server on it, and the process that plays its devices, from start to end. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nativeCrypto } from '../../src/native/crypto-native.js'
import { BenchError } from '../bench-error.js'
import { canPin } from '../peers/program.js'
import { type Load, openLoad } from './load.js'
import { OursServer, type ServerPlan } from './server.js'
import { type StoreFacts, type StorePlan, writeStore } from './store-writer.js'

/** Sockets of a load process over UDP: an address each. */
export const LANES_MAX = 512
/** Sessions that are settled at a time. */
const SETTLING = 128

/** What is staged. */
export interface StagePlan extends Omit<StorePlan, 'folder'> {
  /** generated before, and used as it is; its seed and numbers count. Left out: a store is made, and gone afterwards */
  stored?: StoreFacts | undefined
  /** one device in so many speaks, see `FleetPlan`; default 1 */
  every?: number
  /** 127.0.0.1 if left out, or ::1 */
  host?: string
  options?: readonly string[]
  /** Whether the server has one core to itself, and nobody else runs on it, where that can be had. Default false. */
  isPinned?: boolean
  /** whether the server's main thread can be profiled; default no */
  isProfiled?: boolean
  /** lanes over UDP; default as many as devices, 512 at most */
  lanes?: number
}

/** Everything runs. */
export interface Stage {
  crypto: Awaited<ReturnType<typeof nativeCrypto>>
  facts: StoreFacts
  server: OursServer
  /** over UDP */
  load: Load
  /** one device in so many speaks */
  every: number
}

/** Runs `act` between start and end of it all. The folder is temporary. */
export async function onStage<Result>(plan: StagePlan, act: (stage: Stage) => Promise<Result>): Promise<Result> {
  const {
    host = '127.0.0.1',
    options = [],
    isPinned = false,
    isProfiled = false,
    stored,
    every = 1,
    lanes = Math.min(LANES_MAX, plan.devices),
    ...store
  } = plan
  const crypto = await nativeCrypto()
  const core = isPinned && canPin() ? 0 : null
  return withStore(crypto, { ...store, stored }, async (facts) =>
    withServer({ folder: facts.folder, host, options, core, isProfiled }, async (server) => {
      await server.loaded()
      const load = await openLoad({ facts, target: server.target, seed: plan.seed, lanes, every, transport: 'udp' })
      return act({ crypto, facts, server, load, every }).finally(() => load.close())
    }),
  )
}

/** The store that was generated before, or a new one that is gone afterwards. */
export async function withStore<Result>(
  crypto: Stage['crypto'],
  { stored, ...plan }: Omit<StorePlan, 'folder'> & Pick<StagePlan, 'stored'>,
  act: (facts: StoreFacts) => Promise<Result>,
): Promise<Result> {
  if (stored !== undefined) return act(stored)
  return withFolder((folder) => {
    const facts = writeStore(crypto, { ...plan, folder })
    plan.progress?.(`a store of ${facts.devices} devices is written in ${facts.seconds.toFixed(1)} s`)
    return act(facts)
  })
}

/** Every device `from` to `to` - 1 is heard and has nothing to say but pings. @throws BenchError if one is not. */
export async function settleAll(load: Load, from: number, to: number): Promise<void> {
  const settled = await load.call('settle', from, to, SETTLING)
  if (settled.failed > 0) throw new BenchError(`${settled.failed} of ${settled.devices} devices got no answer`, 1)
}

/** A folder that is gone afterwards. */
export async function withFolder<Result>(act: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-bench-'))
  const forget = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', forget)
  return act(folder).finally(() => {
    process.off('exit', forget)
    forget()
  })
}

/** A server that is gone afterwards. */
export async function withServer<Result>(
  plan: ServerPlan,
  act: (server: OursServer) => Promise<Result>,
): Promise<Result> {
  const server = await OursServer.start(plan)
  return act(server).finally(() => server.kill())
}
