import { wholeNumber } from '../options.js'
import { onStage } from '../ours/stage.js'
import { FLEET_OPTIONS, fleetPlan, heardOf } from '../ours/stored.js'
import type { Outcome, Request, Scenario, Table } from '../scenario.js'
import { type RestartFacts, restarts } from './restart/run.js'

const DEFAULTS = { devices: 10_000, rings: 100, streams: 4 }
const APPS = 100

/** A server with devices and rings is stopped, then killed, and comes back: nobody handshakes, nothing is lost. */
export const restart: Scenario = {
  name: 'restart',
  summary: 'a server with N devices and open rings, stopped and killed: seconds to ready, handshakes, rings lost',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices with a session; ${DEFAULTS.devices}` },
    rings: { type: 'string', placeholder: 'N', help: `rings that are open at each restart; ${DEFAULTS.rings}` },
    streams: {
      type: 'string',
      placeholder: 'N',
      help: `applications of ${APPS} that listen; each sees a person in 25; ${DEFAULTS.streams}`,
    },
    ...FLEET_OPTIONS,
  },
  wordsInAll: [['--devices', '100000']],
  wordsInSmoke: [['--devices', '500', '--rings', '20']],
  checkSmoke: ({ exitCode, result }) => (exitCode === 0 ? [] : [`restart: ${JSON.stringify(result)}`]),
  run,
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const fleet = fleetPlan({ values, seed }, DEFAULTS.devices)
  const { devices } = fleet
  const heard = heardOf(devices, fleet.every)
  const rings = wholeNumber(values['rings'], 'rings', 1, DEFAULTS.rings)
  const streams = Math.min(APPS, wholeNumber(values['streams'], 'streams', 0, DEFAULTS.streams))
  const tell = (line: string) => progress(`restart: ${line}`)
  const plan = { ...fleet, apps: APPS, progress: tell }
  const rows = await onStage(plan, (stage) => restarts(stage, { rings, streams, progress: tell }))
  const isGood = rows.every(
    (row) =>
      row.handshakes + row.falseOffline + row.lostRings === 0 &&
      row.streamsRestarted === streams &&
      (streams === 0 || row.heardAgain > 0) &&
      row.pingsAccepted === heard &&
      row.outcomes === row.openRings,
  )
  const worst = rows.at(-1) as RestartFacts
  return {
    // The keys are those of the kill; `rows` has both.
    result: { ...worst, rows },
    parameters: { devices, heard, rings, streams, apps: APPS },
    tables: [restartTable(rows)],
    exitCode: isGood ? 0 : 1,
  }
}

function restartTable(rows: readonly RestartFacts[]): Table {
  const line = (what: string, of: (row: RestartFacts) => number | null): (string | number | null)[] => [
    what,
    ...rows.map(of),
  ]
  return {
    title: `Restarts of a server with ${rows[0]?.devices} devices`,
    columns: ['what', ...rows.map(({ how }) => how)],
    rows: [
      line('seconds until it was gone', (row) => row.stopSeconds),
      line('seconds from its start until ready', (row) => row.readySeconds),
      line('first ping, challenge and answer, ms', (row) => row.firstPingMs),
      line('the slowest of 20 such, all over the store, ms', (row) => row.slowestPingMs),
      line('handshakes', (row) => row.handshakes),
      line('resets sent', (row) => row.resets),
      line('persons told offline, wrongly', (row) => row.falseOffline),
      line('streams told of the restart', (row) => row.streamsRestarted),
      line('persons told online again', (row) => row.heardAgain),
      line('rings open', (row) => row.openRings),
      line('rings with an outcome', (row) => row.outcomes),
      line('rings lost', (row) => row.lostRings),
      line('first pings sent, with repeats', (row) => row.pingsSent),
      line('pings accepted', (row) => row.pingsAccepted),
      line('devices resynchronised', (row) => row.resyncs),
      line('lists of visibility told anew', (row) => row.listsApplied),
      line('seconds until all devices were heard', (row) => row.settleSeconds),
      line('seconds from ready until all sessions were loaded', (row) => row.loadedSeconds),
    ],
    notes: [
      'All devices that are heard have pinged before; after the start each pings again, 128 under way at a time, with the packet numbers and keys ' +
        'that it had. Rings had reached their devices, which accept them only after the restart. Offline is counted in the streams ' +
        'of some applications, from the signal to the last outcome.',
    ],
  }
}
