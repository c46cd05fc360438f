import { fromHex, hex } from '../base/bytes.js'
import { Choice, type ListEntry, ListFlag, type PersonList, type Window } from '../frame/person-list.js'
import { LIST_ENTRIES_MAX } from '../packet/constants.js'

/** What a person can say about being reached; holds for all their devices. */
export type ChoiceName = keyof typeof Choice

/**
 * A change of the person's list, kept until it is committed. It says only what changes, so that it can be made again
 * on top of what another device has changed meanwhile. `app` is 16 hexadecimal digits. Plain, for the store.
 */
export type ListEdit =
  | { kind: 'choice'; choice: ChoiceName }
  | { kind: 'messages'; status: string; away: string }
  | { kind: 'zone'; zone: string }
  | {
      kind: 'entry'
      app: string
      visible?: boolean
      appearOffline?: boolean
      shareMessages?: boolean
      blocked?: boolean
      windows?: Window[]
      /** for an application that is not in the list: without it, what another device took out stays out */
      rotation?: number
    }
  /** another pseudonym, if the rotation is greater than the one in force */
  | { kind: 'rotate'; app: string; rotation: number }
  /** the consent is taken back */
  | { kind: 'forget'; app: string }
  /** the same, and the application may know */
  | { kind: 'revoke'; app: string }
  /** consent from a browser: wire-spec §10.1; never stored */
  | { kind: 'grant'; app: string; rotation: number; windows: Window[]; zone: string }
  /** a grant with this rotation is taken back; never stored */
  | { kind: 'ungrant'; app: string; rotation: number }

/** Edits of one application. */
type AppEdit = Extract<ListEdit, { app: string }>

/**
 * Fewer edits that do the same: at most one of each kind for each application.
 *
 * @param edits oldest first.
 */
export function compacted(edits: readonly ListEdit[]): ListEdit[] {
  const bySubject = new Map<string, ListEdit>()
  for (const edit of edits) {
    const subject = 'app' in edit ? `${edit.kind} ${edit.app}` : edit.kind
    const earlier = bySubject.get(subject)
    bySubject.delete(subject)
    if (edit.kind === 'forget' || edit.kind === 'revoke') {
      for (const kind of ['entry', 'rotate', 'forget', 'revoke']) bySubject.delete(`${kind} ${edit.app}`)
    }
    bySubject.set(subject, earlier?.kind === 'entry' && edit.kind === 'entry' ? { ...earlier, ...edit } : edit)
  }
  return [...bySubject.values()]
}

/**
 * Makes a change.
 *
 * @param list not changed.
 * @returns the new list, or `list` itself if the edit changes nothing; also if it would add a 257th application.
 */
export function applyEdit(list: PersonList, edit: ListEdit): PersonList {
  switch (edit.kind) {
    case 'choice':
      return list.choice === Choice[edit.choice] ? list : { ...list, choice: Choice[edit.choice] }
    case 'messages': {
      const isSame = list.status === edit.status && list.away === edit.away
      return isSame ? list : { ...list, status: edit.status, away: edit.away }
    }
    case 'zone':
      return list.zone === edit.zone ? list : { ...list, zone: edit.zone }
    case 'entry':
      return applyEntry(list, edit)
    default:
      return applyGrant(list, edit)
  }
}

/** Whether an edit adds its application to a list without it. */
export function addsEntry(edit: ListEdit): edit is AppEdit {
  return edit.kind === 'grant' || (edit.kind === 'entry' && (edit.rotation !== undefined || edit.blocked === true))
}

/** Whether another application fits. One that was revoked and may know it gives way. */
export function hasRoom({ entries }: PersonList): boolean {
  return entries.length < LIST_ENTRIES_MAX || entries.some(isToldRevoked)
}

/** The entry of an application, or null. */
export function entryOf(list: PersonList, app: string): ListEntry | null {
  return list.entries.find((entry) => hex(entry.app) === app) ?? null
}

/** Whether two lists say the same. */
export function isSameList(a: PersonList, b: PersonList): boolean {
  return a === b || textOf(a) === textOf(b)
}

/** A list whose byte strings do not alias the packet it came from. */
export function ownList(list: PersonList): PersonList {
  return { ...list, entries: list.entries.map((entry) => ({ ...entry, app: entry.app.slice() })) }
}

/** Consents given, taken back, and their pseudonyms. */
function applyGrant(list: PersonList, edit: Exclude<AppEdit, { kind: 'entry' }>): PersonList {
  const old = entryOf(list, edit.app)
  if (edit.kind === 'grant') return applyConsent(list, old, edit)
  if (old === null) return list
  const { flags, rotation } = old
  switch (edit.kind) {
    case 'rotate':
      // What another device took back meanwhile, and a block alone, are no consents: a new name would be shown for nothing.
      if (isToldRevoked(old) || rotation === 0 || edit.rotation <= rotation) return list
      return put(list, old, { ...old, rotation: edit.rotation })
    case 'revoke':
      return put(list, old, { ...old, flags: (flags & ListFlag.blocked) | ListFlag.toldRevoked, windows: [] })
    case 'ungrant':
    case 'forget': {
      const isOther = edit.kind === 'ungrant' && edit.rotation !== rotation
      return isOther ? list : { ...list, entries: list.entries.filter((other) => other !== old) }
    }
  }
}

/** A lower rotation than the one in force was overtaken: the person chose another pseudonym since. */
function applyConsent(list: PersonList, old: ListEntry | null, edit: ListEdit & { kind: 'grant' }): PersonList {
  const { rotation, windows } = edit
  const zone = list.zone === '' && windows.length > 0 ? edit.zone : list.zone
  const zoned = zone === list.zone ? list : { ...list, zone }
  if (old !== null && rotation < old.rotation) return list
  // Another rotation is another consent: what was said of the last one does not hold.
  if (old === null || rotation > old.rotation) {
    return put(zoned, old, { app: fromHex(edit.app), flags: ListFlag.visible, rotation, windows })
  }
  const flags = (old.flags | ListFlag.visible) & ~(ListFlag.blocked | ListFlag.toldRevoked)
  return put(zoned, old, { ...old, flags, windows: windows.length > 0 ? windows : old.windows })
}

function applyEntry(list: PersonList, edit: ListEdit & { kind: 'entry' }): PersonList {
  const found = entryOf(list, edit.app)
  // What is told of an application that was taken out meanwhile does not bring it back.
  if (found === null && !addsEntry(edit)) return list
  const isRevoked = found !== null && isToldRevoked(found)
  if (isRevoked && edit.rotation === undefined && edit.visible === true) return list
  const rotation = found === null || isRevoked ? (edit.rotation ?? found?.rotation ?? 0) : found.rotation
  const entry = changedEntry(found ?? { app: fromHex(edit.app), flags: 0, rotation, windows: [] }, edit)
  return put(list, found, { ...entry, rotation })
}

/** The list with an entry in place of another one, or added; `list` itself if that changes nothing, or if it is full. */
function put(list: PersonList, old: ListEntry | null, entry: ListEntry): PersonList {
  if (old !== null) {
    if (JSON.stringify(rowOf(old)) === JSON.stringify(rowOf(entry))) return list
    return { ...list, entries: list.entries.map((other) => (other === old ? entry : other)) }
  }
  if (!hasRoom(list)) return list
  const gives = list.entries.length < LIST_ENTRIES_MAX ? null : list.entries.find(isToldRevoked)
  const entries = [...list.entries.filter((other) => other !== gives), entry]
  return { ...list, entries: entries.sort(byApp) }
}

function isToldRevoked({ flags }: ListEntry): boolean {
  return (flags & ListFlag.toldRevoked) !== 0
}

function changedEntry(entry: ListEntry, edit: ListEdit & { kind: 'entry' }): ListEntry {
  let { flags } = entry
  const mark = (flag: number, on: boolean | undefined): void => {
    if (on !== undefined) flags = on ? flags | flag : flags & ~flag
  }
  mark(ListFlag.visible, edit.visible)
  mark(ListFlag.appearOffline, edit.appearOffline)
  mark(ListFlag.shareMessages, edit.shareMessages)
  mark(ListFlag.blocked, edit.blocked)
  if (edit.visible === true) flags &= ~ListFlag.toldRevoked
  return { app: entry.app, flags, rotation: entry.rotation, windows: edit.windows ?? entry.windows }
}

function byApp(a: ListEntry, b: ListEntry): number {
  return hex(a.app) < hex(b.app) ? -1 : 1
}

function textOf({ choice, status, away, zone, entries }: PersonList): string {
  return JSON.stringify([choice, status, away, zone, entries.map(rowOf)])
}

function rowOf({ app, flags, rotation, windows }: ListEntry): unknown[] {
  return [hex(app), flags, rotation, windows.map(({ days, start, end }) => [days, start, end])]
}
