import { BenchError } from '../bench-error.js'
import { loadRadioProfiles } from '../models/load.js'
import { wholeNumber } from '../options.js'
import type { Outcome, Request, Scenario, Table } from '../scenario.js'
import { acceptedProfiles } from './energy/accepted.js'
import { LIFE_ASSUMPTIONS } from './keepalive/life.js'
import { OURS, OURS_WITH_LESS } from './keepalive/ours.js'
import { keepalivePlots } from './keepalive/plots.js'
import { RIVALS } from './keepalive/rivals/all.js'
import { keepaliveRows, natPairs, REACHABILITY_MIN, RING_S, type Row, type Score } from './keepalive/table.js'
import { ratiosOf, verdictOf, verdictText } from './keepalive/verdict.js'

const FULL = { phones: 20, days: 30 }
const QUICK = { phones: 4, days: 4 }
const QUICK_PROFILES = ['huang-lte-2012', 'lte-tmobile-2020', 'huang-wifi-2012']

/** Every keepalive policy on every NAT distribution and radio: what a month costs, and how often a ring gets through. */
export const keepalive: Scenario = {
  name: 'keepalive',
  summary: 'a month of phones: joules, wake-ups and reachability of every keepalive policy, NAT x radio',
  actions: [],
  options: {
    quick: { type: 'boolean', placeholder: '', help: 'few phones, few days, three radios' },
    profile: { type: 'string', placeholder: 'NAME', help: 'this radio profile only' },
    phones: { type: 'string', placeholder: 'N', help: `phones in each row; ${FULL.phones}` },
    days: { type: 'string', placeholder: 'N', help: `days of each phone; ${FULL.days}` },
    rivals: { type: 'boolean', placeholder: '', help: 'every rival of each row in the JSON, not the best alone' },
  },
  wordsInAll: [[]],
  wordsInSmoke: [['--quick', '--phones', '1', '--days', '1']],
  checkSmoke,
  run: async (request) => run(request),
}

function run({ values, seed, progress }: Request): Outcome {
  const defaults = values['quick'] === true ? QUICK : FULL
  const size = {
    phones: wholeNumber(values['phones'], 'phones', 1, defaults.phones),
    days: wholeNumber(values['days'], 'days', 1, defaults.days),
    seed,
  }
  const { accepted, refused } = acceptedProfiles()
  const profiles = chooseProfiles(accepted, refused, values)
  for (const { name, reason } of refused) progress(`keepalive: profile ${name} is not used: ${reason}`)
  const rows = keepaliveRows(profiles, RIVALS, { full: OURS, withLess: OURS_WITH_LESS }, size, progress)
  const verdict = verdictOf(rows)
  const shown = rows.map(({ rivals, ...row }) => ({
    ...row,
    ratios: ratiosOf({ ...row, rivals }),
    ...(values['rivals'] === true ? { rivals } : {}),
  }))
  progress(`keepalive: ${verdictText(verdict)}`)
  return {
    result: { rows: shown, rowsWithRival: verdict.counted, rowsWithin: verdict.within, worst: verdict.worst },
    parameters: {
      ...size,
      ringS: RING_S,
      reachabilityMin: REACHABILITY_MIN,
      profiles: profiles.map(({ name, source }) => ({ name, source })),
      profilesNotUsed: refused,
      nats: natPairs(),
      life: LIFE_ASSUMPTIONS,
      policies: [...RIVALS, OURS, ...OURS_WITH_LESS].map(({ name, source }) => ({ name, source })),
    },
    tables: [
      bestTable(rows, verdictText(verdict)),
      lessTable(rows),
      ...(values['rivals'] === true ? rows.map(rivalTable) : []),
    ],
    plots: keepalivePlots(rows),
    exitCode: verdict.within === verdict.counted ? 0 : 1,
  }
}

function checkSmoke({ result }: Outcome): string[] {
  const { rows } = result as { rows: { nat: string; ours: Omit<Score, 'policy'> | null }[] }
  const expected = natPairs().length * QUICK_PROFILES.length
  const silent = rows.filter(({ ours }) => ours === null || !(ours.wakeupsPerDay > 0 && ours.reachability > 0))
  return [
    ...(rows.length === expected ? [] : [`${rows.length} rows, not ${expected}`]),
    ...silent.map(({ nat }) => `ours does nothing on ${nat}`),
  ]
}

function chooseProfiles(
  accepted: readonly string[],
  refused: readonly { name: string; reason: string }[],
  values: Request['values'],
) {
  const all = loadRadioProfiles()
  const { profile: only, quick } = values
  if (typeof only === 'string') {
    const reason = refused.find(({ name }) => name === only)?.reason
    if (reason !== undefined) throw new BenchError(`profile ${only} is not in this table: ${reason}`)
    if (!accepted.includes(only)) throw new BenchError(`no radio profile "${only}"; there are ${accepted.join(', ')}`)
    return [all.get(only)!]
  }
  return accepted.filter((name) => quick !== true || QUICK_PROFILES.includes(name)).map((name) => all.get(name)!)
}

function bestTable(rows: readonly Row[], verdict: string): Table {
  return {
    title: 'Best rival of each row, and ours',
    columns: [
      'NAT',
      'radio',
      'best rival',
      'J/day',
      'wake-ups/day',
      'reachability',
      'fewest wake-ups',
      'its wake-ups/day',
      'ours J/day',
      'ours wake-ups/day',
      'ours reachability',
      'J ratio',
      'wake-up ratio',
    ],
    rows: rows.map((row) => {
      const { nat, profile, best, fewestWakeups, ours } = row
      const ratios = ratiosOf(row)
      return [
        nat,
        profile,
        best?.policy ?? 'none reaches 99 %',
        ...numbersOf(best),
        fewestWakeups?.policy ?? null,
        fewestWakeups?.wakeupsPerDay ?? null,
        ...numbersOf(ours),
        ratios?.joules ?? null,
        ratios?.wakeups ?? null,
      ]
    }),
    notes: [
      verdict,
      'Joules are above idle and above other applications’ traffic. Learning and failed probes are counted. ' +
        'NAT data are of 2010-2016; the life of the phones is an assumption, see parameters in result.json.',
    ],
  }
}

function lessTable(rows: readonly Row[]): Table {
  const columns = ['J/day', 'wake-ups/day', 'reachability']
  return {
    title: 'Ours on devices that lack something, and the best rival on UDP alone; for comparison',
    columns: ['NAT', 'radio', 'policy', ...columns],
    rows: rows.flatMap(({ nat, profile, oursWithLess, bestOnUdp }) => [
      ...oursWithLess.map((score) => [nat, profile, score.policy, ...numbersOf(score)]),
      [nat, profile, `best on UDP: ${bestOnUdp?.policy ?? 'none reaches 99 %'}`, ...numbersOf(bestOnUdp)],
    ]),
    notes: OURS_WITH_LESS.map(({ name, source }) => `${name}: ${source}`),
  }
}

function numbersOf(score: Omit<Score, 'policy'> | null): (number | null)[] {
  return [score?.joulesPerDay ?? null, score?.wakeupsPerDay ?? null, score?.reachability ?? null]
}

function rivalTable({ nat, profile, rivals }: Row): Table {
  return {
    title: `${nat}, ${profile}: every rival`,
    columns: ['policy', 'J/day', 'wake-ups/day', 'reachability'],
    rows: [...rivals]
      .sort((a, b) => b.reachability - a.reachability)
      .map(({ policy, joulesPerDay, wakeupsPerDay, reachability }) => [
        policy,
        joulesPerDay,
        wakeupsPerDay,
        reachability,
      ]),
  }
}
