import type { DeviceRow } from './store.js'

/** Devices in one pack: enough that a pack costs little, few enough that a buffer stays small. */
export const DEVICES_PER_PACK = 8192

/**
 * Many devices as a few arrays, which cross to another thread without a copy; as objects, 100,000 of them would hold up
 * the main thread for seconds.
 */
export interface DevicePack {
  devices: Float64Array
  persons: Float64Array
  createdMs: Float64Array
  rotations: Uint16Array
  /** 32 B each */
  publicKeys: Uint8Array
  /** end of each session in `sessions`; not after the last end: no session */
  sessionEnds: Uint32Array
  sessions: Uint8Array
  /** deviceId, account and name of each device */
  texts: string[]
}

const PUBLIC_KEY_BYTES = 32
const TEXTS = 3

/** Packs rows by `DEVICES_PER_PACK`. A session of length 0 becomes null; there is no such session. */
export function packDevices(rows: Iterable<DeviceRow>): DevicePack[] {
  const packs: DevicePack[] = []
  let part: DeviceRow[] = []
  for (const row of rows) {
    part.push(row)
    if (part.length < DEVICES_PER_PACK) continue
    packs.push(pack(part))
    part = []
  }
  if (part.length > 0) packs.push(pack(part))
  return packs
}

/** The rows of packs, in order. Their byte arrays are views of the packs' buffers. */
export function unpackDevices(packs: readonly DevicePack[]): DeviceRow[] {
  const rows: DeviceRow[] = []
  for (const pack of packs) for (let i = 0; i < pack.devices.length; i++) rows.push(unpack(pack, i))
  return rows
}

/** The buffers of packs, to be transferred. */
export function packBuffers(packs: readonly DevicePack[]): ArrayBuffer[] {
  return packs.flatMap((pack) =>
    [pack.devices, pack.persons, pack.createdMs, pack.rotations, pack.publicKeys, pack.sessionEnds, pack.sessions].map(
      ({ buffer }) => buffer as ArrayBuffer,
    ),
  )
}

function pack(rows: readonly DeviceRow[]): DevicePack {
  const sessionBytes = rows.reduce((sum, { session }) => sum + (session?.length ?? 0), 0)
  const result: DevicePack = {
    devices: Float64Array.from(rows, ({ device }) => device),
    persons: Float64Array.from(rows, ({ person }) => person),
    createdMs: Float64Array.from(rows, ({ createdMs }) => createdMs),
    rotations: Uint16Array.from(rows, ({ rotation }) => rotation),
    publicKeys: new Uint8Array(rows.length * PUBLIC_KEY_BYTES),
    sessionEnds: new Uint32Array(rows.length),
    sessions: new Uint8Array(sessionBytes),
    texts: rows.flatMap(({ deviceId, account, name }) => [deviceId, account, name]),
  }
  let end = 0
  rows.forEach(({ publicKey, session }, i) => {
    result.publicKeys.set(publicKey, i * PUBLIC_KEY_BYTES)
    if (session !== null) result.sessions.set(session, end)
    end += session?.length ?? 0
    result.sessionEnds[i] = end
  })
  return result
}

function unpack(pack: DevicePack, i: number): DeviceRow {
  const start = i === 0 ? 0 : (pack.sessionEnds[i - 1] as number)
  const end = pack.sessionEnds[i] as number
  const [deviceId, account, name] = pack.texts.slice(i * TEXTS, i * TEXTS + TEXTS) as [string, string, string]
  return {
    device: pack.devices[i] as number,
    deviceId,
    person: pack.persons[i] as number,
    account,
    name,
    publicKey: pack.publicKeys.subarray(i * PUBLIC_KEY_BYTES, (i + 1) * PUBLIC_KEY_BYTES),
    rotation: pack.rotations[i] as number,
    createdMs: pack.createdMs[i] as number,
    session: start === end ? null : pack.sessions.subarray(start, end),
  }
}
