/** The process that plays devices; told what to do by messages of `load.ts`. It ends with its parent. */
import { SeededRandom } from '../../src/base/seeded-random.js'
import { nativeCrypto } from '../../src/native/crypto-native.js'
import { type ChangeCounts, type ChangePlan, tellChanges } from './changes.js'
import { Exchanges, type RunCounts, type RunPlan, type SettleCounts } from './exchanges.js'
import { Fleet, type FleetCounts, type RingHabit } from './fleet.js'
import { type Lanes, openUdpLanes, openWebSocketLanes, type Target } from './lanes.js'
import { type Probe, type ProbePlan, probe } from './probes.js'
import { fallSilent, type LastPing, type SilencePlan } from './silence.js'
import type { StoreFacts } from './store-writer.js'
import { Storm, type StormCounts, type StormPlan } from './storm.js'

/** What the process is to open. */
export interface LoadOptions {
  facts: StoreFacts
  target: Target
  seed: string
  /** sockets; a device of number d speaks from d modulo this */
  lanes: number
  /** one device in so many speaks, from 0 on; default 1 */
  every?: number
  transport: 'udp' | 'websocket'
}

/** What a load process can be asked, and answers. */
export interface LoadCalls {
  open(options: LoadOptions): { lanes: number }
  /** Makes sessions of devices `from` to `to` - 1 ready: the first ping, and what the two ends tell each other then. */
  settle(from: number, to: number, outstanding: number): SettleCounts
  /** After a restart of the server: the next `settle` pings all of them again. */
  unsettle(): null
  run(plan: RunPlan): RunCounts
  storm(plan: StormPlan): StormCounts
  /** People come and go. Beside `probe`. */
  changes(plan: ChangePlan): ChangeCounts
  /** Pings at scheduled times, of devices that do nothing else. */
  probe(plan: ProbePlan): Probe[]
  /** Devices ping one last time. */
  fallSilent(plan: SilencePlan): LastPing[]
  counts(): FleetCounts & { errors: number; ringing: number }
  setRings(habit: RingHabit): null
  /** Accepts all rings that devices show. @returns on how many devices. */
  acceptRings(): number
}

/** A message of the parent. */
export type LoadAsk = { id: number; call: keyof LoadCalls; args: unknown[] }

/** A message to the parent. */
export type LoadAnswer = { id: number; value?: unknown; error?: string }

class LoadProcess {
  #fleet: Fleet | null = null
  #exchanges: Exchanges | null = null
  #lanes: Lanes | null = null
  #storm: Storm | null = null

  async answer({ call, args }: LoadAsk): Promise<unknown> {
    if (call === 'open') return this.#open(args[0] as LoadOptions)
    const [fleet, exchanges, lanes] = [this.#fleet, this.#exchanges, this.#lanes]
    if (fleet === null || exchanges === null || lanes === null) throw new Error('nothing is open')
    switch (call) {
      case 'settle':
        return exchanges.settle(args[0] as number, args[1] as number, args[2] as number)
      case 'unsettle':
        fleet.unsettle()
        return null
      case 'run':
        return exchanges.run(args[0] as RunPlan)
      case 'storm':
        return (this.#storm as Storm).run(args[0] as StormPlan)
      case 'changes':
        return tellChanges(fleet, exchanges, args[0] as ChangePlan)
      case 'probe':
        return probe(fleet, exchanges, args[0] as ProbePlan)
      case 'fallSilent':
        return fallSilent(fleet, exchanges, args[0] as SilencePlan)
      case 'counts':
        return { ...fleet.counts, errors: lanes.errors(), ringing: fleet.ringing().length }
      case 'setRings':
        fleet.ringHabit = args[0] as RingHabit
        return null
      case 'acceptRings': {
        const ringing = fleet.ringing()
        for (const device of ringing) exchanges.send(device, fleet.accept(device) as Uint8Array, false)
        return ringing.length
      }
      default:
        throw new Error(`no call ${call}`)
    }
  }

  async #open({ facts, target, seed, lanes, every, transport }: LoadOptions): Promise<{ lanes: number }> {
    const crypto = await nativeCrypto()
    const random = new SeededRandom(`${seed} load`)
    const fleet = new Fleet(crypto, random, facts, Math.floor(Date.now() / 1000))
    const exchanges = new Exchanges(fleet, every)
    const open = transport === 'udp' ? openUdpLanes : openWebSocketLanes
    const opened = await open(target, lanes, (lane, datagram) => exchanges.take(lane, datagram))
    exchanges.use(opened.lanes)
    this.#fleet = fleet
    this.#exchanges = exchanges
    this.#lanes = opened
    const serverKey = new Uint8Array(Buffer.from(facts.serverKey, 'base64'))
    this.#storm = new Storm({ crypto, random, fleet, exchanges, serverKey })
    return { lanes: opened.lanes.length }
  }
}

const loading = new LoadProcess()
process.on('message', (ask: LoadAsk) => {
  loading.answer(ask).then(
    (value) => process.send?.({ id: ask.id, value } satisfies LoadAnswer),
    (error: unknown) => process.send?.({ id: ask.id, error: String(error) } satisfies LoadAnswer),
  )
})
process.on('disconnect', () => process.exit(0))
// Ctrl-C reaches the whole group: the parent ends this one in order.
process.on('SIGINT', () => {})
