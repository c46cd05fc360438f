import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { BenchError } from '../bench-error.js'
import { wholeNumber } from '../options.js'
import type { Outcome, Request, Scenario, Table } from '../scenario.js'
import { PLACES, type Verdict } from './outcomes/book.js'
import { type Facts, type Plan, runOutcomes, SERVE_OPTIONS } from './outcomes/run.js'

const FULL = { applications: 1_000, rings: 1_000, kills: 20, 'read-every': 10 }
const IN_ALL = { applications: '50', rings: '100', kills: '3', 'read-every': '1' }
const IN_SMOKE = { applications: '10', rings: '20', kills: '1', 'read-every': '1' }

/** Rings through a real server that is killed again and again: each must end with one outcome, the same wherever it is read. */
export const outcomes: Scenario = {
  name: 'outcomes',
  summary:
    'rings of many applications through a server that is killed meanwhile: one outcome each, the same everywhere',
  actions: [],
  options: {
    applications: { type: 'string', placeholder: 'N', help: `applications; ${FULL.applications}` },
    rings: { type: 'string', placeholder: 'N', help: `rings of each application; ${FULL.rings}` },
    kills: { type: 'string', placeholder: 'N', help: `times that the server is killed and started; ${FULL.kills}` },
    'read-every': {
      type: 'string',
      placeholder: 'N',
      help: `of so many outcomes one is read with GET as well; ${FULL['read-every']}`,
    },
  },
  wordsInAll: [wordsOf(IN_ALL)],
  wordsInSmoke: [wordsOf(IN_SMOKE)],
  checkSmoke,
  run,
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const plan: Plan = {
    applications: wholeNumber(values['applications'], 'applications', 1, FULL.applications),
    ringsEach: wholeNumber(values['rings'], 'rings', 1, FULL.rings),
    kills: wholeNumber(values['kills'], 'kills', 0, FULL.kills),
    readEvery: wholeNumber(values['read-every'], 'read-every', 1, FULL['read-every']),
    seed: new SeededRandom(seed),
  }
  const { applications, ringsEach, kills } = plan
  if (kills >= applications * ringsEach) throw new BenchError('--kills must be fewer than there are rings')
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-outcomes-'))
  const facts = await runOutcomes(folder, plan, (line) => progress(`outcomes: ${line}`)).finally(() =>
    rmSync(folder, { recursive: true, force: true }),
  )
  const { verdict } = facts
  const { rings, duplicates, missing } = verdict
  const isGood =
    rings === applications * ringsEach &&
    duplicates + missing + verdict.devicesDiffer === 0 &&
    Object.keys(facts.unsigned).length === 0
  for (const fault of verdict.faults) progress(`outcomes: ${fault}`)
  return {
    result: {
      rings,
      outcomes: verdict.outcomes,
      duplicates,
      missing,
      kills: facts.kills,
      applications,
      states: verdict.states,
      devicesDiffer: verdict.devicesDiffer,
      seconds: facts.seconds,
    },
    parameters: {
      applications,
      ringsEach,
      kills,
      readEvery: plan.readEvery,
      devices: facts.devices,
      serve: SERVE_OPTIONS,
    },
    tables: [outcomeTable(verdict), placeTable(verdict, facts, plan.readEvery), runTable(facts)],
    exitCode: isGood ? 0 : 1,
  }
}

function wordsOf(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
}

/** The verdict of this scenario is made of counts alone. */
function checkSmoke({ result, exitCode }: Outcome): string[] {
  const { rings, outcomes, duplicates, missing } = result as Record<string, number>
  const isWhole = rings === outcomes && rings === Number(IN_SMOKE.applications) * Number(IN_SMOKE.rings)
  if (exitCode === 0 && isWhole) return []
  return [`${rings} rings, ${outcomes} outcomes, ${duplicates} duplicates, ${missing} missing`]
}

function outcomeTable({ states, rings, outcomes: ended, duplicates, missing, faults }: Verdict): Table {
  return {
    title: `${rings} rings: ${ended} with one outcome, ${duplicates} duplicates, ${missing} missing`,
    columns: ['outcome', 'rings'],
    rows: Object.entries(states),
    notes: faults,
  }
}

function placeTable(
  { told, repeats, deviceEnds, devicesDiffer }: Verdict,
  { unsigned }: Facts,
  readEvery: number,
): Table {
  return {
    title: 'Where outcomes were read',
    columns: ['place', 'told', 'of these again, the same'],
    rows: [...PLACES.map((place) => [place, told[place] ?? 0, repeats[place] ?? 0]), ['devices', deviceEnds, null]],
    notes: [
      `Every outcome must come by webhook, one in ${readEvery} is read with GET, and one application in twenty has a stream. Each field counts. ` +
        'One webhook in 400 is answered with 500, one in 400 with nothing, and comes again. ' +
        'After each kill and at the end outcomes that were told before are read again.',
      `Rings of which a device was told another end: ${devicesDiffer}. Webhooks that did not verify: ${listed(unsigned)}.`,
    ],
  }
}

function runTable(facts: Facts): Table {
  const { kills, seconds, setupSeconds, restartSeconds, requestRepeats, devices, handshakes, clockSteppedSeconds } =
    facts
  return {
    title: 'The run',
    columns: ['what', 'number'],
    rows: [
      ['kills', kills],
      ['seconds from the first ring to the last outcome', seconds],
      ['seconds to set up', setupSeconds],
      ['seconds from a kill to readiness, the longest', restartSeconds],
      ['requests that were repeated', requestRepeats],
      ['devices', devices],
      ['handshakes', handshakes],
      ['seconds by which the wall clock of the machine was set meanwhile', clockSteppedSeconds],
    ],
    notes: [
      'Applications, accounts and webhooks are made through the operators’ socket, by the calls of `pilotlight app add`, ' +
        '`account add` and `app webhook set`; devices enrol over HTTP and give consent by their own lists.',
      'A webhook that is under way when the clock is set by more than 300 s is refused by its time (`bad-time`), and comes again.',
    ],
  }
}

function listed(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([what, count]) => `${count} ${what}`)
  return parts.length === 0 ? '0' : parts.join(', ')
}
