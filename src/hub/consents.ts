/**
 * Authorization codes: between the person's "allow" in the browser and the application's exchange (OAuth 2.1 §4.1). In
 * memory only; after a restart the application asks again. Who uses what stands nowhere until a device has it.
 */
import { base64url } from '../base/base64.js'
import { equalBytes } from '../base/bytes.js'
import { utf8Bytes } from '../base/text.js'
import type { Now } from '../base/time.js'
import type { GrantWindow, PuidRequestFrame } from '../frame/frame.js'
import { ROTATION_MAX } from '../packet/constants.js'
import type { Timers } from '../presence/timers.js'
import type { Apps } from './apps.js'
import { Grants } from './grants.js'
import type { ListContext, Sender } from './list-channel.js'
import type { AppKey, HubRequest, PersonKey } from './message.js'
import type { ReliableFrames } from './reliable.js'

/** How long a code can be exchanged, ms. RFC 6749 §4.1.2 wants at most 10 minutes. */
export const CODE_MS = 60_000

/** How long an exchanged code is remembered: used again, it takes back what it gave, ms. */
const REPLAY_MS = 600_000

/** Codes remembered at once; the oldest gives way. */
const CODES_MAX = 100_000

const CODE_BYTES = 32

type Consent = Extract<HubRequest, { kind: 'consent' }>
type Exchange = Extract<HubRequest, { kind: 'consent-exchange' }>

/** A code that was given out. */
interface Code {
  readonly number: number
  readonly name: string
  readonly app: AppKey
  readonly person: PersonKey
  readonly redirectUri: string
  readonly challenge: string
  readonly windows: readonly GrantWindow[]
  readonly zone: string
  timer: number
  /** monotonic ms */
  untilMs: number
  /** the rotation that it gave; -1 before the exchange */
  rotation: number
}

/** See the head of this file. */
export class Consents {
  readonly #context: ListContext
  readonly #apps: Apps
  /** consents that were given, on their way to a device */
  readonly grants: Grants
  readonly #timers: Timers
  readonly #byName = new Map<string, Code>()
  readonly #byNumber = new Map<number, Code>()
  #lastNumber = 0

  constructor(context: ListContext, apps: Apps, reliable: ReliableFrames) {
    this.#context = context
    this.#apps = apps
    this.grants = new Grants(context, apps, reliable)
    this.#timers = context.timers((number) => this.#forget(this.#byNumber.get(number)))
  }

  /** Counts by the names of `/metrics`. */
  get numbers(): Record<string, number> {
    const { waiting, taken } = this.grants.numbers
    return { grantsWaiting: waiting, grantsTaken: taken, consentCodes: this.#byName.size }
  }

  /** A request of the sidecar. */
  handle(request: Consent | Exchange, now: Now): void {
    if (request.kind === 'consent') this.#consent(request, now)
    else this.#exchange(request, now)
  }

  /** A device asks for a pseudonym. The answer for an application that is not here is an empty text. wire-spec §12.4 */
  handlePuidRequest({ device, person }: Sender, { app, rotation }: PuidRequestFrame): void {
    const { count, outbox } = this.#context
    if (rotation > ROTATION_MAX) {
      count('puidRequestsIgnored')
      return
    }
    const puid = this.#apps.byId(app)?.puids.write({ person, rotation }) ?? ''
    const frames = [{ kind: 'puid', app, rotation, puid } as const]
    outbox.commands.push({ kind: 'send', device, frames, untilMonotonicMs: 0 })
  }

  /** The person agrees: a code for the application. */
  #consent(request: Consent, now: Now): void {
    const { app, person, redirectUri, challenge, windows, zone } = request
    const { config, presence, outbox } = this.#context
    if (!presence.hasPerson(person) || this.#apps.get(app) === null) {
      this.#refuse(request.request)
      return
    }
    if (this.#byName.size >= CODES_MAX) this.#forget(this.#byName.values().next().value)
    const code = base64url(config.random.fill(new Uint8Array(CODE_BYTES)))
    this.#lastNumber = (this.#lastNumber + 1) % 2 ** 31
    const untilMs = now.monotonicMs + CODE_MS
    const number = this.#lastNumber
    const timer = this.#timers.arm(number, untilMs)
    const kept = { number, app, person, redirectUri, challenge, windows, zone, timer, untilMs, rotation: -1 }
    const name = this.#nameOf(code)
    this.#byName.set(name, { ...kept, name })
    this.#byNumber.set(number, this.#byName.get(name) as Code)
    outbox.replies.push({ kind: 'consented', request: request.request, code })
  }

  /** The application exchanges a code: once, in time, with the same redirect URI and the verifier of its challenge. */
  #exchange(request: Exchange, now: Now): void {
    const code = this.#byName.get(this.#nameOf(request.code))
    const app = this.#apps.get(request.app)
    if (code === undefined || app === null || code.app !== request.app) {
      this.#refuse(request.request)
      return
    }
    const { person, rotation, windows, zone } = code
    if (rotation >= 0) {
      // RFC 6749 §4.1.2: used twice, somebody has it who should not.
      this.#forget(code)
      this.grants.add({ person, app: code.app, rotation, what: 1, windows: [], zone: '' }, now, () => {})
      this.#refuse(request.request)
      return
    }
    // Both are compared, whatever the first one says: the work tells nothing of what was wrong.
    const isSameUri = isSameText(code.redirectUri, request.redirectUri)
    const isSameChallenge = isSameText(code.challenge, request.challenge)
    if (
      !isSameUri ||
      !isSameChallenge ||
      now.monotonicMs >= code.untilMs ||
      !this.#context.presence.hasPerson(person)
    ) {
      this.#forget(code)
      this.#refuse(request.request)
      return
    }
    code.rotation = this.grants.rotationFor(person, code.app, now)
    this.#timers.disarm(code.timer)
    code.timer = this.#timers.arm(code.number, now.monotonicMs + REPLAY_MS)
    const given = { person, app: code.app, rotation: code.rotation, what: 0, windows, zone } as const
    this.grants.add(given, now, (ok) => {
      const { replies } = this.#context.outbox
      const puid = app.puids.write({ person, rotation: code.rotation })
      if (ok) replies.push({ kind: 'consent-exchanged', request: request.request, puid })
      else this.#refuse(request.request, 'unavailable')
    })
  }

  /** A person was removed. */
  forgetPerson(person: PersonKey): void {
    this.grants.forgetPerson(person)
    for (const code of [...this.#byName.values()]) if (code.person === person) this.#forget(code)
  }

  /** Codes are found by their hash, so that the look-up tells nothing of how close a guess came. */
  #nameOf(code: string): string {
    return base64url(this.#context.config.crypto.hash(utf8Bytes(code)))
  }

  #forget(code: Code | undefined): void {
    if (code === undefined) return
    this.#timers.disarm(code.timer)
    this.#byName.delete(code.name)
    this.#byNumber.delete(code.number)
  }

  #refuse(request: number, code: 'invalid-grant' | 'unavailable' = 'invalid-grant'): void {
    this.#context.outbox.replies.push({ kind: 'error', request, code, detail: '', retryAfterS: 1 })
  }
}

function isSameText(a: string, b: string): boolean {
  return equalBytes(utf8Bytes(a), utf8Bytes(b))
}
