/** A person's devices with what they said last. */
import type { DeviceWord, ReadCount } from '../hub/message.js'
import type { Context } from '../sidecar/context.js'
import type { SessionRow } from '../store/directory-message.js'

/** One device. */
export interface ShownDevice {
  deviceId: string
  name: string
  createdMs: number
  said: DeviceWord
  isInContact: boolean
  idleMs: number
  awayAfterS: number
  offlineAfterS: number
  /** seconds of silence that it promised last, 0 not known */
  silenceS: number
}

/** The devices of who is signed in. */
export async function ownDevices(context: Context, session: SessionRow): Promise<ShownDevice[]> {
  return (await ownView(context, session)).devices
}

/** The same, and who asked for them since this start of the server. */
export async function ownView(
  { link }: Context,
  { account, person }: SessionRow,
): Promise<{ devices: ShownDevice[]; reads: ReadCount[] }> {
  const found = await link.directory({ kind: 'devices', account })
  const own = found?.kind === 'devices' ? found.devices : []
  const view = await link.person(
    person,
    own.map(({ device }) => device),
  )
  const told = new Map(view.devices.map((report) => [report.device, report]))
  const devices = own.map(({ device, ...rest }) => {
    const { device: _, ...report } = told.get(device) ?? { ...NOT_HEARD, device }
    return { ...rest, ...report }
  })
  return { devices, reads: view.reads }
}

const NOT_HEARD = {
  said: 'unknown',
  isInContact: false,
  idleMs: 0,
  awayAfterS: 0,
  offlineAfterS: 0,
  silenceS: 0,
} as const
