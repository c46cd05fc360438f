import type { Now } from '../base/time.js'
import type { Presence } from '../presence/presence.js'
import type { HubApp } from './apps.js'
import type { PresenceView } from './message.js'
import type { Named, PresenceViews } from './presence-views.js'

/** Persons looked at in one go. */
const PERSONS_PER_GO = 8_192
/** PUIDs made or opened in one go: about a millisecond. */
const PUIDS_PER_GO = 64

/** Somebody found. `puid` is '' until it is made. */
interface Found extends Named {
  isTold: boolean
}

/**
 * The snapshot of one stream in the making: in each go some persons, so that the loop is not held however many there
 * are. Who changes after having been told is told once more at the end.
 */
export class SnapshotScan {
  readonly #presence: Presence
  readonly #views: PresenceViews
  readonly #app: HubApp
  /** PUIDs of a stream about named persons, those still to be opened at the end; null: everybody visible */
  readonly #asked: string[] | null
  /** the next person to look at; -1 all were */
  #next: number
  /** by person and rotation */
  readonly #found = new Map<string, Found>()
  readonly #unread: Found[] = []
  readonly #changed = new Map<string, Found>()

  /** @param puids of a stream about these persons only; null: everybody visible to the application. */
  constructor(parts: { presence: Presence; views: PresenceViews }, app: HubApp, puids: readonly string[] | null) {
    this.#presence = parts.presence
    this.#views = parts.views
    this.#app = app
    this.#asked = puids === null ? null : [...puids].reverse()
    this.#next = puids === null ? 0 : -1
  }

  /** Persons who changed after they were told. */
  get changes(): number {
    return this.#changed.size
  }

  /** Views of some more persons, perhaps none; `isLast` if all were given now. */
  more(now: Now): { views: PresenceView[]; isLast: boolean } {
    if (this.#asked !== null) {
      const views = this.#opened(this.#asked.splice(-PUIDS_PER_GO).reverse(), now)
      return { views, isLast: this.#asked.length === 0 }
    }
    if (this.#next >= 0) this.#scanPersons()
    if (this.#next >= 0) return { views: [], isLast: false }
    const views = this.#unread.splice(-PUIDS_PER_GO).map((found) => {
      if (found.puid === '') found.puid = this.#app.puids.write(found)
      return this.#view(found, now)
    })
    return { views, isLast: this.#unread.length === 0 }
  }

  /** After the last: views of some of those who changed meanwhile. */
  changed(now: Now): PresenceView[] {
    const views: PresenceView[] = []
    for (const [name, found] of this.#changed) {
      if (views.length === PUIDS_PER_GO) break
      this.#changed.delete(name)
      views.push(this.#view(found, now))
    }
    return views
  }

  /** Somebody changed whom the stream is about. */
  handleChange(named: Named): void {
    const name = nameOf(named)
    const found = this.#found.get(name)
    if (found === undefined) {
      if (this.#asked === null) this.#add({ ...named, isTold: false })
    } else if (found.isTold) this.#changed.set(name, Object.assign(found, { puid: named.puid }))
  }

  #opened(puids: readonly string[], now: Now): PresenceView[] {
    return puids.flatMap((puid) => {
      const named = this.#views.named(this.#app, puid)
      if (named === null) return []
      const found = { ...named, isTold: false }
      this.#found.set(nameOf(named), found)
      return [this.#view(found, now)]
    })
  }

  #scanPersons(): void {
    for (let left = PERSONS_PER_GO; this.#next >= 0 && left > 0; left--) {
      const person = this.#presence.nextPerson(this.#next)
      this.#next = person < 0 ? -1 : person + 1
      const rotation = person < 0 ? -1 : this.#presence.shownRotation(person, this.#app.index)
      const found = { puid: '', person, rotation, isTold: false }
      if (rotation >= 0 && !this.#found.has(nameOf(found))) this.#add(found)
    }
  }

  #add(found: Found): void {
    this.#found.set(nameOf(found), found)
    this.#unread.push(found)
  }

  #view(found: Found, now: Now): PresenceView {
    found.isTold = true
    return this.#views.view(this.#app, found, now)
  }
}

function nameOf({ person, rotation }: Named): string {
  return `${person}/${rotation}`
}
