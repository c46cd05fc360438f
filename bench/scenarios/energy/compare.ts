/** `energy compare`: a day or a week of the same lives through each channel, on each radio and NAT. */
import { BenchError } from '../../bench-error.js'
import { loadRadioProfiles, radioProfile } from '../../models/load.js'
import { wholeNumber } from '../../options.js'
import type { Outcome, Request, ScenarioOption } from '../../scenario.js'
import { RATIO_METHOD } from '../../statistics.js'
import { LIFE_ASSUMPTIONS } from '../keepalive/life.js'
import { natPairs, RING_S } from '../keepalive/table.js'
import { acceptedProfiles } from './accepted.js'
import { channels } from './compare/channels.js'
import { comparePlots } from './compare/plots.js'
import { type CompareRow, compareRows, RINGS_PER_DAY } from './compare/run.js'
import { compareSeries, compareTables } from './compare/tables.js'
import { RING_TEXT_BYTES } from './compare/wire.js'

const PHONES = 8

/** Options of `compare` beside `--profile`. */
export const COMPARE_OPTIONS: Readonly<Record<string, ScenarioOption>> = {
  days: { type: 'string', placeholder: 'N', help: 'compare: days of each phone, from a Monday; 1' },
  phones: { type: 'string', placeholder: 'N', help: `compare: phones in each row, which are its pairs; ${PHONES}` },
  nat: { type: 'string', placeholder: 'NAME', help: 'compare: this NAT alone; a UDP distribution in bench/models/nat' },
}

/** @throws BenchError with exit code 2 if an option makes no sense. */
export function compare({ values, seed, progress }: Request): Outcome {
  for (const option of ['pcap', 'device']) {
    if (values[option] !== undefined) throw new BenchError(`--${option} says nothing to compare`)
  }
  const size = {
    phones: wholeNumber(values['phones'], 'phones', 1, PHONES),
    days: wholeNumber(values['days'], 'days', 1, 1),
    seed,
  }
  const { profile } = values
  const profiles = typeof profile === 'string' ? [radioProfile(profile)] : [...loadRadioProfiles().values()]
  const nats = chooseNats(values['nat'])
  const all = channels()
  const rows = compareRows(all, profiles, nats, size, progress)
  const { refused } = acceptedProfiles()
  const unproved = refused.filter(({ name }) => profiles.some((each) => each.name === name))
  return {
    result: { days: size.days, phones: size.phones, ringsPerDay: RINGS_PER_DAY, ringS: RING_S, rows },
    tables: compareTables(rows, all, { ...size, unproved }),
    plots: comparePlots(rows, size.days),
    series: [compareSeries(rows)],
    parameters: {
      ...size,
      ringsPerDay: RINGS_PER_DAY,
      ringTextBytes: RING_TEXT_BYTES,
      ratios: RATIO_METHOD,
      profiles: profiles.map(({ name, source }) => ({ name, source })),
      profilesNotValidated: unproved,
      nats,
      life: LIFE_ASSUMPTIONS,
      channels: all.map(({ name, source, wires }) => ({ name, source, wires })),
    },
    exitCode: 0,
  }
}

/** For `smoke`. */
export function checkCompare({ result }: Outcome): readonly string[] {
  const { rows, days, phones } = result as { rows: CompareRow[]; days: number; phones: number }
  const names = channels().map(({ name }) => name)
  if (rows.length !== natPairs().length) return [`${rows.length} rows, not ${natPairs().length}`]
  return rows.flatMap(({ nat, channels: scores, floor }) => {
    const wrong = scores.filter(
      ({ joulesPerDay, bytesPerDay, rings, ringsReached }) =>
        !(joulesPerDay > 0 && bytesPerDay > 0 && ringsReached <= rings && rings <= RINGS_PER_DAY * days * phones),
    )
    const ours = scores.find(({ channel }) => channel === 'pilotlight')
    return [
      ...(scores.map(({ channel }) => channel).join() === names.join() ? [] : [`${nat}: a channel is missing`]),
      ...wrong.map(({ channel }) => `${nat}: numbers of ${channel} make no sense`),
      ...((ours?.ringsReached ?? 0) > 0.9 * (ours?.rings ?? 0) ? [] : [`${nat}: ours misses rings`]),
      ...(floor.joulesPerDay > 0 ? [] : [`${nat}: rings cost nothing`]),
    ]
  })
}

function chooseNats(only: string | boolean | undefined) {
  const pairs = natPairs()
  if (typeof only !== 'string') return pairs
  const chosen = pairs.filter(({ udp }) => udp.name === only)
  if (chosen.length > 0) return chosen
  throw new BenchError(`no NAT "${only}"; there are ${pairs.map(({ udp }) => udp.name).join(', ')}`)
}
