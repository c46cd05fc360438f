/** A device as its pages show it: plain values, the same in each tab. And what a person can do with it. */
import { hex } from '../../base/bytes.js'
import { Choice, ListFlag, type PersonList, type Window } from '../../frame/person-list.js'
import type { MissedRing, RingEnd } from '../event.js'
import type { KeepaliveView } from '../hosted-device.js'
import type { ChoiceName } from '../list-edit.js'
import type { Thresholds } from './device-store.js'

/** What an application may, by the person's list. */
export interface AppView {
  /** 16 hexadecimal digits */
  app: string
  visible: boolean
  appearOffline: boolean
  shareMessages: boolean
  blocked: boolean
  /** the consent was taken back, and the application may know it */
  toldRevoked: boolean
  /** none: at all hours */
  hours: readonly Window[]
}

/** A ring that the person should see now. */
export interface RingView {
  ring: string
  app: string
  title: string
  body: string
  /** as its sender wrote it: not checked, may be empty */
  url: string
  /** Unix ms by the clock of this computer at which the deadline is, by the server's clock: never too late */
  untilMs: number
}

/** How a ring ended that was shown. */
export interface EndedView {
  ring: string
  title: string
  outcome: RingEnd
}

/** Something that keeps the device from going on, or may. */
export interface FaultView {
  /** of `docs/errors.md` */
  code: string
  message: string
  /** the server removed the device: only another enrolment helps */
  isFinal: boolean
}

/** Everything that a page shows of its device. */
export interface DeviceView {
  deviceId: string
  isOnline: boolean
  state: 'active' | 'idle'
  choice: ChoiceName
  status: string
  away: string
  zone: string
  /** as set in this browser, else what the server takes without that */
  thresholds: Thresholds
  apps: readonly AppView[]
  rings: readonly RingView[]
  /** the last rings that ended while a page was open, newest first */
  ended: readonly EndedView[]
  /** newest first */
  missed: readonly MissedRing[]
  /** new devices of the person that ask for the list */
  offers: readonly { request: number; name: string; code: string }[]
  /** this device asks for the list: what another one shows beside it; null: it has the list */
  listCode: string | null
  fault: FaultView | null
}

/** What the device costs. */
export interface PowerView {
  keepalive: KeepaliveView
  /** since the device began in this tab */
  sinceMs: number
  sent: { datagrams: number; bytes: number }
  received: { datagrams: number; bytes: number }
}

/** What a person can do, by name. Every tab can ask; the one that runs the device does it. */
export interface DeviceCommands {
  choice(value: { choice: ChoiceName }): Promise<void>
  messages(value: { status: string; away: string }): Promise<void>
  zone(value: { zone: string }): Promise<void>
  thresholds(value: Thresholds): Promise<void>
  /** `shown` as of `Device.allow`; what is left out stays */
  allow(value: { app: string; hours?: Window[]; appearOffline?: boolean; shareMessages?: boolean }): Promise<string>
  deny(value: { app: string }): Promise<void>
  block(value: { app: string }): Promise<void>
  forget(value: { app: string }): Promise<void>
  revoke(value: { app: string }): Promise<void>
  rotate(value: { app: string }): Promise<string>
  /** the page displays a ring where a person can see it: the sender is told. Once is enough; of a ring that is over it does nothing */
  shown(value: { ring: string }): Promise<void>
  accept(value: { ring: string }): Promise<RingEnd>
  dismiss(value: { ring: string }): Promise<RingEnd>
  clearMissed(value: { ring: string | null }): Promise<void>
  confirm(value: { request: number }): Promise<void>
  startNewList(value: null): Promise<boolean>
  power(value: null): Promise<PowerView>
}

/** Names of what a person can do. */
export type CommandName = keyof DeviceCommands
export type CommandValue<Name extends CommandName> = Parameters<DeviceCommands[Name]>[0]
export type CommandResult<Name extends CommandName> = Awaited<ReturnType<DeviceCommands[Name]>>

const CHOICES = Object.keys(Choice) as ChoiceName[]

/** The parts of a view that the person's list says. */
export function viewOfList(list: PersonList): Pick<DeviceView, 'choice' | 'status' | 'away' | 'zone' | 'apps'> {
  const { status, away, zone } = list
  const apps = list.entries.map(({ app, flags, windows }) => ({
    app: hex(app),
    visible: (flags & ListFlag.visible) !== 0,
    appearOffline: (flags & ListFlag.appearOffline) !== 0,
    shareMessages: (flags & ListFlag.shareMessages) !== 0,
    blocked: (flags & ListFlag.blocked) !== 0,
    toldRevoked: (flags & ListFlag.toldRevoked) !== 0,
    hours: windows,
  }))
  return { choice: CHOICES.find((name) => Choice[name] === list.choice) ?? 'available', status, away, zone, apps }
}
