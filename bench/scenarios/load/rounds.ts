/** The search for each server's highest rate, then rounds in which all take turns. */
import { BenchError } from '../../bench-error.js'
import { quantile } from '../../statistics.js'
import type { Contestant, Measured, Pace } from './contestant.js'

/** A rate counts only with fewer lost pings than this. */
export const LOSS_MAX = 0.001
/** Pings that are unanswered at a time, as tried. */
export const LADDER: readonly number[] = [8, 32, 128, 512]
/** Paces beside, pings a second. */
export const PACES: readonly number[] = [5_000, 20_000]
/** On a core for so much of the time: it is what limits. */
const BUSY = 0.9
/** Each try of the search is so much shorter than a measurement. */
const SEARCH_SHARE = 0.5

/** What a contestant came to. */
export interface Standing {
  clients: number
  /** the highest found with few losses: median over the rounds */
  pingsPerSecond: number
  cpuMicrosPerPing: number
  generatorMicrosPerPing: number
  lossShare: number
  outstanding: number
  /** who was on its core nearly all of the time; `neither`: something else, such as another job of the machine */
  limitedBy: 'server' | 'generator' | 'both' | 'neither'
  /** share of the time on a core */
  serverBusy: number
  generatorBusy: number
  /** at fixed rates, by pings a second; null where it could not follow */
  paced: Record<string, { cpuMicrosPerPing: number; generatorMicrosPerPing: number; pingsPerSecond: number } | null>
  /** CPU us per ping of each round, for pairs */
  rounds: number[]
}

export interface RoundsPlan {
  rounds: number
  seconds: number
  progress: (line: string) => void
}

/** What came of a competition. */
export interface Competition {
  /** by name */
  standings: Map<string, Standing>
  /** those that broke on the way, and how; the others went on */
  broken: Map<string, string>
}

export async function compete(
  contestants: readonly Contestant[],
  { rounds, seconds, progress }: RoundsPlan,
): Promise<Competition> {
  const broken = new Map<string, string>()
  /** Has each do something; who breaks is left out from then on. */
  const each = async (all: readonly Contestant[], act: (one: Contestant) => Promise<void>) => {
    for (const one of all) {
      if (broken.has(one.name)) continue
      try {
        await act(one)
      } catch (error) {
        if (!(error instanceof BenchError)) throw error
        broken.set(one.name, error.message)
        progress(`${one.name} broke: ${error.message}`)
      }
    }
  }
  const best = new Map<string, number>()
  await each(contestants, async (one) => void best.set(one.name, await search(one, seconds * SEARCH_SHARE, progress)))
  const found = new Map<string, Measured[]>(contestants.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`)
    // Forth and back, so that no one always comes after the same other.
    await each(round % 2 === 0 ? contestants : [...contestants].reverse(), async (one) => {
      found.get(one.name)!.push(await one.measure({ kind: 'closed', outstanding: best.get(one.name)! }, seconds))
    })
  }
  const standings = new Map<string, Standing>()
  await each(contestants, async (one) => {
    progress(`${one.name} at fixed rates`)
    const paced: Standing['paced'] = {}
    for (const perSecond of PACES) paced[perSecond] = await atPace(one, { kind: 'paced', perSecond }, seconds)
    standings.set(one.name, standing(one, found.get(one.name)!, paced))
  })
  return { standings, broken }
}

/** The number of unanswered pings with the highest rate. Where each loses too many, the one that loses least. */
async function search(one: Contestant, seconds: number, progress: (line: string) => void): Promise<number> {
  const tries: Measured[] = []
  for (const outstanding of LADDER.filter((count, index) => index === 0 || count <= one.clients / 2)) {
    const tried = await one.measure({ kind: 'closed', outstanding }, seconds)
    tries.push(tried)
    const { pingsPerSecond, cpuMicrosPerPing, sent, lost } = tried
    progress(
      `${one.name}, ${outstanding} under way: ${Math.round(pingsPerSecond)}/s, ${cpuMicrosPerPing.toFixed(1)} us, ${lost} of ${sent} lost`,
    )
  }
  const good = tries.filter((each) => shareLost(each) < LOSS_MAX)
  const chosen =
    good.length > 0
      ? good.reduce((a, b) => (b.pingsPerSecond > a.pingsPerSecond ? b : a))
      : tries.reduce((a, b) => (shareLost(b) < shareLost(a) ? b : a))
  return (chosen.pace as Extract<Pace, { kind: 'closed' }>).outstanding
}

async function atPace(one: Contestant, pace: Extract<Pace, { kind: 'paced' }>, seconds: number) {
  const { pingsPerSecond, cpuMicrosPerPing, generatorMicrosPerPing, ...rest } = await one.measure(pace, seconds)
  // Late by a tenth, or with losses: that is no such rate.
  if (pingsPerSecond < 0.9 * pace.perSecond || shareLost(rest) >= LOSS_MAX) return null
  return { pingsPerSecond, cpuMicrosPerPing, generatorMicrosPerPing }
}

function standing({ clients }: Contestant, rounds: readonly Measured[], paced: Standing['paced']): Standing {
  const middle = (pick: (one: Measured) => number) => quantile(rounds.map(pick), 0.5)
  const sum = (pick: (one: Measured) => number) => rounds.reduce((total, one) => total + pick(one), 0)
  const [serverBusy, generatorBusy] = [middle((one) => one.serverBusy), middle((one) => one.generatorBusy)]
  const { pace } = rounds[0]!
  return {
    clients,
    pingsPerSecond: middle((one) => one.pingsPerSecond),
    cpuMicrosPerPing: middle((one) => one.cpuMicrosPerPing),
    generatorMicrosPerPing: middle((one) => one.generatorMicrosPerPing),
    lossShare: sum((one) => one.lost) / sum((one) => one.sent),
    outstanding: pace.kind === 'closed' ? pace.outstanding : 0,
    limitedBy: limit(serverBusy, generatorBusy),
    serverBusy,
    generatorBusy,
    paced,
    rounds: rounds.map((one) => one.cpuMicrosPerPing),
  }
}

function limit(serverBusy: number, generatorBusy: number): Standing['limitedBy'] {
  if (serverBusy >= BUSY) return generatorBusy >= BUSY ? 'both' : 'server'
  return generatorBusy >= BUSY ? 'generator' : 'neither'
}

function shareLost({ sent, lost }: Pick<Measured, 'sent' | 'lost'>): number {
  return sent === 0 ? 1 : lost / sent
}
