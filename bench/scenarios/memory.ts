import { wholeNumber } from '../options.js'
import { FLEET_OPTIONS, type FleetPlan, fleetPlan, heardOf } from '../ours/stored.js'
import type { Outcome, Request, Scenario, Table } from '../scenario.js'
import { baseMemory, devicesMemory, type MemoryPlan, type MemoryRow, webSocketsMax } from './memory/ours.js'
import { type PeerMemory, peersMemory } from './memory/peers.js'

const DEFAULTS = { devices: 10_000, websockets: 2_000, peerClients: 1_000, rest: 150 }

/** Memory of the server for each device at rest; of peers' servers for each client. */
export const memory: Scenario = {
  name: 'memory',
  summary: 'bytes of RSS for each device at rest, on UDP and on WebSocket; for each client of the peers',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices over UDP; ${DEFAULTS.devices}` },
    websockets: {
      type: 'string',
      placeholder: 'N',
      help: `devices over WebSocket, at most what the open-file limit lets; ${DEFAULTS.websockets}`,
    },
    'peer-clients': {
      type: 'string',
      placeholder: 'N',
      help: `clients of each peer, at most what the open-file limit lets, 0 leaves peers out; ${DEFAULTS.peerClients}`,
    },
    rest: {
      type: 'string',
      placeholder: 'S',
      help: `seconds of our server with no more than a ping each half hour from each device, before its memory is read; ${DEFAULTS.rest}`,
    },
    ...FLEET_OPTIONS,
  },
  wordsInAll: [['--devices', '100000', '--peer-clients', '10000', '--rest', '0']],
  wordsInSmoke: [['--devices', '1000', '--websockets', '0', '--peer-clients', '0', '--rest', '0']],
  checkSmoke: ({ result }) => {
    // Of so few devices the bytes are mostly the code's own: only that they were read.
    const { rows, bytesPerDevice } = result as { rows: MemoryRow[]; bytesPerDevice: number }
    const isRead = rows.length === 2 && rows.every((row) => row.devices === 1000 && row.rssBytes > 0)
    return isRead && Number.isFinite(bytesPerDevice) ? [] : [`memory: ${JSON.stringify(result)}`]
  },
  run,
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const fleet = fleetPlan({ values, seed }, DEFAULTS.devices)
  const { devices } = fleet
  const most = webSocketsMax()
  const websockets = Math.min(most, wholeNumber(values['websockets'], 'websockets', 0, DEFAULTS.websockets))
  const peerClients = Math.min(most, wholeNumber(values['peer-clients'], 'peer-clients', 0, DEFAULTS.peerClients))
  const plans: MemoryPlan[] = udpPlans(fleet)
  const few = { hasApps: false, every: 1 }
  if (websockets > 0) plans.push({ ...few, name: 'WebSocket', udp: 0, websocket: websockets })
  if (websockets > 0) plans.push({ ...few, name: 'half and half', udp: websockets, websocket: websockets })
  progress('memory: the server without devices')
  const restSeconds = wholeNumber(values['rest'], 'rest', 0, DEFAULTS.rest)
  const base = await baseMemory(seed, restSeconds)
  const rows: MemoryRow[] = []
  for (const plan of plans) {
    progress(`memory: ${plan.name}, ${plan.udp + plan.websocket} devices`)
    rows.push(
      await devicesMemory(plan.stored?.seed ?? seed, plan, {
        base,
        restSeconds,
        progress: (line) => progress(`memory: ${line}`),
      }),
    )
  }
  const peers = peerClients === 0 ? {} : await peersMemory(peerClients, progress)
  const bytesOf = (hasApps: boolean) =>
    rows.find((row) => row.websocket === 0 && row.hasApps === hasApps)?.bytesPerDevice ?? null
  return {
    result: {
      devices,
      bytesPerDevice: bytesOf(false),
      bytesPerDeviceWithApplications: bytesOf(true),
      baseBytes: base.bytes,
      webSocketsMax: most,
      rows,
      peers,
    },
    parameters: {
      devices,
      heard: heardOf(devices, fleet.every),
      websockets,
      peerClients,
      restSeconds,
      serve: 'defaults',
    },
    tables: [
      oursTable(rows, { baseBytes: base.bytes, most, every: fleet.every, restSeconds }),
      ...(peerClients === 0 ? [] : [peerTable(peers)]),
    ],
    exitCode: 0,
  }
}

/** Without and with applications; of a store that was generated before the one that it is. */
function udpPlans({ devices, every, stored }: FleetPlan): MemoryPlan[] {
  const all = [
    { name: 'UDP', udp: devices, websocket: 0, every, hasApps: false, stored },
    { name: 'UDP, 4 visible applications', udp: devices, websocket: 0, every, hasApps: true, stored },
  ]
  return all.filter(({ hasApps }) => stored === undefined || hasApps === stored.apps.length > 0)
}

function oursTable(
  rows: readonly MemoryRow[],
  { baseBytes, most, every, restSeconds }: { baseBytes: number; most: number; every: number; restSeconds: number },
): Table {
  return {
    title: `Bytes of RSS for each device; without devices the server has ${(baseBytes / 2 ** 20).toFixed(1)} MiB`,
    columns: ['devices', 'number', 'B/device', 'kernel B/device', 'RSS MiB', 'RSS at start MiB', 'readings', 'at rest'],
    rows: rows.map((row) => [
      row.name,
      row.devices,
      row.bytesPerDevice,
      row.kernelBytesPerDevice,
      row.rssBytes / 2 ** 20,
      row.startedBytes / 2 ** 20,
      row.readings,
      row.isSettled ? 'yes' : 'no',
    ]),
    notes: [
      'Devices are loaded from a generated store; each has pinged, answered the challenge of a new start and acked STATE, and its ' +
        `timer is armed for 30 min. Then, and for ${restSeconds} s before anything is read, they ping as idle devices do, once in 30 min each. ` +
        '(RSS of /proc/PID/smaps_rollup - RSS of the same server without devices) / devices, read when ' +
        'five readings in a row agree within 0.3 %, with a second of these pings and some requests between them. What the code itself ' +
        'takes when it is first used, some MiB, is in it too, and garbage that V8 has not collected: it does so 100 s after it did last.',
      'UDP devices alone speak IPv6, from many ports of ::1: the loopback has no other IPv6 address. A record holds 18 bytes of ' +
        'address whatever the family and value, and the cache of remotes at the socket is bounded by 4,096 entries, so other ' +
        'addresses would take no more. With WebSockets all speak IPv4, from addresses of 127.0.0.0/8 (the server limits ' +
        'connections of one address).',
      ...(every === 1
        ? []
        : [
            `Of the devices over UDP one in ${every} was heard; the others are loaded and silent. What a person lets applications see is held once a device of theirs was heard.`,
          ]),
      `A process may hold ${most} connections here (open-file limit). Kernel memory: growth of Slab in /proc/meminfo, ` +
        'of both ends, halved; UDP has one socket for all.',
    ],
  }
}

function peerTable(peers: Record<string, PeerMemory>): Table {
  return {
    title: 'Bytes of RSS for each idle client of the peers',
    columns: ['peer', 'clients', 'B/client', 'kernel B/client', 'RSS without clients MiB', 'note'],
    rows: Object.entries(peers).map(([name, peer]) => [
      name,
      peer.clients,
      peer.bytesPerClient,
      peer.kernelBytesPerClient,
      peer.baseBytes === null ? null : peer.baseBytes / 2 ** 20,
      peer.missing ?? peer.version,
    ]),
    notes: ['Connected and greeted, nothing else. Kernel memory as above.'],
  }
}
