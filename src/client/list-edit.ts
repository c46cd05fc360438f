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
      rotation?: number
    }
  | { kind: 'forget'; app: string }

/**
 * Fewer edits that do the same: at most one of each kind for each application.
 *
 * @param edits oldest first.
 */
export function compacted(edits: readonly ListEdit[]): ListEdit[] {
  const bySubject = new Map<string, ListEdit>()
  for (const edit of edits) {
    const subject = edit.kind === 'entry' || edit.kind === 'forget' ? `${edit.kind} ${edit.app}` : edit.kind
    const earlier = bySubject.get(subject)
    bySubject.delete(subject)
    if (edit.kind === 'forget') bySubject.delete(`entry ${edit.app}`)
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
    case 'forget': {
      const entry = entryOf(list, edit.app)
      return entry === null ? list : { ...list, entries: list.entries.filter((other) => other !== entry) }
    }
    case 'entry':
      return applyEntry(list, edit)
  }
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

function applyEntry(list: PersonList, edit: ListEdit & { kind: 'entry' }): PersonList {
  const old = entryOf(list, edit.app)
  if (old === null && list.entries.length >= LIST_ENTRIES_MAX) return list
  const entry = changedEntry(old ?? { app: fromHex(edit.app), flags: 0, rotation: 0, windows: [] }, edit)
  if (old !== null && JSON.stringify(rowOf(old)) === JSON.stringify(rowOf(entry))) return list
  const entries = old === null ? [...list.entries, entry] : list.entries.map((other) => (other === old ? entry : other))
  return { ...list, entries: old === null ? entries.sort(byApp) : entries }
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
  return { app: entry.app, flags, rotation: edit.rotation ?? entry.rotation, windows: edit.windows ?? entry.windows }
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
