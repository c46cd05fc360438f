import type { Now } from '../base/time.js'
import type { Presence } from '../presence/presence.js'
import type { PresenceLine } from '../presence/state.js'
import { versionOf } from '../presence/version.js'
import type { Apps, HubApp } from './apps.js'
import type { AppKey, PresenceView } from './message.js'
import type { ReadCounts } from './read-counts.js'

/** A person as applications name them. */
export interface Named {
  puid: string
  person: number
  rotation: number
}

/** Makes what applications are told of persons. */
export class PresenceViews {
  readonly #presence: Presence
  readonly #apps: Apps
  readonly #bootSeconds: number
  readonly #reads: ReadCounts

  constructor(presence: Presence, apps: Apps, bootSeconds: number, reads: ReadCounts) {
    this.#reads = reads
    this.#presence = presence
    this.#apps = apps
    this.#bootSeconds = bootSeconds
  }

  /** Who a PUID of an application names, or null if it is not authentic for it. */
  named(app: HubApp, puid: string): Named | null {
    const content = app.puids.read(puid)
    return content === null ? null : { puid, ...content }
  }

  /** What an application sees now of somebody. */
  view(app: HubApp, { puid, person, rotation }: Named, now: Now): PresenceView {
    return this.viewOf(puid, this.#presence.lineOf(person, app.index, rotation, now), now)
  }

  /** A line as it is told. */
  viewOf(puid: string, line: PresenceLine, now: Now): PresenceView {
    const { state, message, sinceMs, cause } = line
    return {
      puid,
      state,
      message,
      sinceMs,
      version: versionOf(this.#bootSeconds, line.count),
      cause,
      asOfMs: now.wallMs,
    }
  }

  /** Answers a bulk question: one view for each PUID that is authentic, in the order asked. */
  answer(key: AppKey, puids: readonly string[], now: Now): PresenceView[] {
    const app = this.#apps.get(key)
    if (app === null) return []
    return puids.flatMap((puid) => {
      const named = this.named(app, puid)
      if (named === null) return []
      this.#reads.add(named.person, key, now)
      return [this.view(app, named, now)]
    })
  }
}
