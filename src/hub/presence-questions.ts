import type { Now } from '../base/time.js'
import type { Timers } from '../presence/timers.js'
import type { HubRequest } from './message.js'
import type { Outbox } from './outbox.js'
import type { PresenceViews } from './presence-views.js'

type Question = Extract<HubRequest, { kind: 'presence' }>

/** So many PUIDs are answered where they are asked: a quarter of a millisecond of opening PUIDs. */
const PUIDS_AT_ONCE = 16
/** PUIDs of one slice of a larger question: a millisecond. */
const PUIDS_PER_SLICE = 64

/** A large question, and how much of it is answered. */
interface Waiting {
  readonly question: Question
  answered: number
}

/**
 * Questions for the presence of persons. Opening a PUID costs some 15 us, so a thousand at once would hold the loop that
 * also answers pings: a large question is answered in slices, one slice of one question in each go, all in turn.
 */
export class PresenceQuestions {
  readonly #views: PresenceViews
  readonly #outbox: Outbox
  readonly #puidsMax: number
  readonly #goes: Timers
  #waiting: Waiting[] = []
  #puids = 0

  /** @param puidsMax PUIDs that may wait in all; beyond, a question is refused as `unavailable`. */
  constructor(
    parts: { views: PresenceViews; outbox: Outbox; puidsMax: number },
    timers: (onDue: (key: number, now: Now) => void) => Timers,
  ) {
    this.#views = parts.views
    this.#outbox = parts.outbox
    this.#puidsMax = parts.puidsMax
    this.#goes = timers((_, now) => this.#goOn(now))
  }

  /** PUIDs that wait for their slice. */
  get waitingPuids(): number {
    return this.#puids
  }

  /** Answers a question, now or in slices. */
  ask(question: Question, now: Now): void {
    const { request, puids } = question
    if (puids.length <= PUIDS_AT_ONCE) {
      this.#reply(question, puids, true, now)
    } else if (this.#puids + puids.length > this.#puidsMax) {
      const detail = 'Too many questions wait; ask for fewer persons.'
      this.#outbox.replies.push({ kind: 'error', request, code: 'unavailable', detail, retryAfterS: 1 })
    } else {
      this.#puids += puids.length
      this.#waiting.push({ question, answered: 0 })
      if (this.#waiting.length === 1) this.#goes.arm(0, now.monotonicMs)
    }
  }

  #goOn(now: Now): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) return
    const { question, answered } = waiting
    const slice = question.puids.slice(answered, answered + PUIDS_PER_SLICE)
    waiting.answered += slice.length
    this.#puids -= slice.length
    const isLast = waiting.answered === question.puids.length
    this.#reply(question, slice, isLast, now)
    if (!isLast) this.#waiting.push(waiting)
    if (this.#waiting.length > 0) this.#goes.arm(0, now.monotonicMs)
  }

  #reply({ request, app }: Question, puids: readonly string[], isLast: boolean, now: Now): void {
    const views = this.#views.answer(app, puids, now)
    this.#outbox.replies.push({ kind: 'presence', request, views, isLast })
  }
}
