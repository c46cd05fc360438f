import { fromHex } from '../base/bytes.js'
import { SERVER_APP } from '../packet/constants.js'
import type { Presence } from '../presence/presence.js'
import type { RingView } from '../ring/ring.js'
import type { RingOutlet, RingPeople } from '../ring/ring-ports.js'
import type { Apps } from './apps.js'
import type { Devices } from './devices.js'
import type { Listeners } from './listeners.js'
import type { Outbox } from './outbox.js'

/** In place of an application's number: the server itself rings. It names persons by their numbers, and not by PUIDs. */
export const SERVER_KEY = 0

const SERVER_APP_ID = fromHex(SERVER_APP)

/**
 * The people around rings: what presence knows, by the names that rings use. Who is rung by the server itself has asked for
 * it, so neither list nor choice hides them. [R-12.2-6]
 */
export function ringPeople(presence: Presence, devices: Devices, apps: Apps): RingPeople {
  return {
    reach(app, person, rotation) {
      if (app === SERVER_KEY) return devices.inContact(person).length > 0 ? 'online' : 'offline'
      return presence.ringState(person, apps.get(app)?.index ?? 0, rotation)
    },
    devicesInContact: (person) => devices.inContact(person),
    isInContact: (device) => devices.isInContact(device),
    appId: (app) => apps.get(app)?.id ?? SERVER_APP_ID,
    readPuid: (app, puid) => (app === SERVER_KEY ? readNumber(puid) : (apps.get(app)?.puids.read(puid) ?? null)),
    readAlias: (app, alias, wallMs) => apps.get(app)?.aliases.read(alias, wallMs) ?? null,
    writeAlias: (app, alias) => apps.get(app)?.aliases.write(alias) ?? '',
    writePuid(app, person, rotation) {
      return app === SERVER_KEY ? `${person}` : (apps.get(app)?.puids.write({ person, rotation }) ?? '')
    },
  }
}

function readNumber(text: string): { person: number; rotation: number } | null {
  return /^[1-9][0-9]{0,14}$/.test(text) ? { person: Number(text), rotation: 0 } : null
}

/** Where rings go: store, sidecar, streams, webhooks, and who watches. */
export function ringOutlet(
  outbox: Outbox,
  listeners: Listeners,
  observe: ((ring: RingView) => void) | null,
): RingOutlet {
  return {
    put: (ring, untilMs, row, end) => {
      const request = outbox.nextRequest()
      const outcome = end === null ? null : listeners.outcomeRow(end.app, end.view)
      outbox.requests.push({ kind: 'put-ring', request, ring, untilMs, row, outcome })
      return request
    },
    drop: (ring) => outbox.requests.push({ kind: 'drop-ring', ring }),
    answer: (request, ring, created, limits = []) =>
      outbox.replies.push({ kind: 'ring', request, ring, created, limits }),
    refuse: (request, code, detail, retryAfterS, limits = []) => {
      outbox.replies.push({ kind: 'error', request, code, detail, retryAfterS, limits })
    },
    observe,
    changed: (app, ring) => listeners.handleRingChange(app, ring),
  }
}
