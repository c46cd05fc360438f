/**
 * Consents given and taken back, on devices and in browsers: an application sees whom the newest list shows to it, by the
 * pseudonym that is in force, and nobody else; and the server forgets what waited for the devices.
 */
import { fromHex } from '../base/bytes.js'
import { entryOf, isConsented } from '../client/list-edit.js'
import { readGrantRow } from '../hub/grant-row.js'
import { PuidCodec } from '../presence/puid.js'
import type { AppService } from './app-service.js'
import type { House, Person } from './house.js'

/** Seconds between two looks at the versions of lists. */
export const LISTS_S = 1
/** A list is committed for this before rings are judged by it: what was decided by the last one is done, ms. */
const SETTLED_MS = 3000
/** The same for presence: a device may die before it has told the new one, ms. [R-10-4] */
const SHOWN_MS = 22_000
/** Of somebody who is not seen; `unknown` after a start. */
const ABSENT = new Set(['offline', 'unknown'])

export class ConsentWatch {
  readonly #house: House
  readonly #fail: (what: string) => void
  /** by application id */
  readonly #codecs = new Map<string, PuidCodec>()
  /** the version on the disk, and since when, by person */
  readonly #versions = new Map<number, { version: number; sinceMs: number }>()
  /** rings that no device of a person may show, by ring and person, and the list that forbids it */
  readonly #hidden = new Map<string, { version: number; appId: string }>()
  /** when a person last agreed, virtual ms, by person and application */
  readonly #agreedMs = new Map<string, number>()

  constructor(house: House, fail: (what: string) => void) {
    this.#house = house
    this.#fail = fail
  }

  /** Looks which lists are new, every `LISTS_S`. */
  sample(): void {
    const { persons, server, queue } = this.#house
    for (const { number } of persons) {
      const version = server.disk.lists.get(number)?.version ?? 0
      if (this.#versions.get(number)?.version !== version) this.#versions.set(number, { version, sinceMs: queue.nowMs })
    }
  }

  /** A person agrees, in a browser or on a device: from now on the newest list may be behind. */
  agreed(person: number, appId: string): void {
    this.#agreedMs.set(`${person} ${appId}`, this.#house.queue.nowMs)
  }

  /** Nobody is seen by a pseudonym that is not in force. */
  look(): void {
    for (const person of this.#house.persons) {
      for (const service of this.#house.services) this.#lookAt(person, service)
    }
  }

  /** A ring is accepted for delivery. @param to the PUIDs that it is for. */
  ringing(service: AppService, ring: string, to: readonly string[]): void {
    for (const person of this.#house.persons) {
      const puids = to.filter((puid) => service.told.get(puid) === person.number)
      const held = this.#inForce(person, service, SETTLED_MS)
      if (held === undefined || puids.length === 0 || puids.includes(held.puid ?? '')) continue
      const { version } = held
      this.#hidden.set(`${ring} ${person.number}`, { version, appId: service.appId })
    }
  }

  /** A device shows a ring. */
  shown(person: number, device: string, ring: string): void {
    const hidden = this.#hidden.get(`${ring} ${person}`)
    if (hidden === undefined || this.#house.server.disk.lists.get(person)?.version !== hidden.version) return
    const { version, appId } = hidden
    const agreedMs = this.#agreedMs.get(`${person} ${appId}`) ?? Number.NEGATIVE_INFINITY
    if (agreedMs > this.#versions.get(person)!.sinceMs - SETTLED_MS) return
    this.#fail(`${device} shows ring ${ring} of ${appId}, whose consent list ${version} does not hold`)
  }

  /** At the end of the calm: nothing waits for devices that were heard, and each application sees whom it may. */
  finish(): void {
    const { server, persons } = this.#house
    this.sample()
    for (const row of server.disk.grants.values()) {
      const grant = readGrantRow(row)
      const person = persons.find(({ number }) => number === grant?.person)
      if (person?.devices.some(({ isRunning }) => isRunning) === true)
        this.#fail(`the server still holds a consent of person ${person.number}`)
    }
    const codes = server.metrics()?.['consentCodes'] ?? 0
    if (codes > 0) this.#fail(`the server still holds ${codes} codes`)
  }

  #lookAt(person: Person, service: AppService): void {
    const held = this.#inForce(person, service, SHOWN_MS)
    if (held === undefined) return
    for (const [puid, number] of service.told) {
      const state = service.read.get(puid)?.state
      if (number !== person.number || puid === held.puid || state === undefined || ABSENT.has(state)) continue
      this.#fail(
        `person ${number} reads ${state} by a pseudonym of ${service.appId} that list ${held.version} does not hold`,
      )
    }
  }

  /** The pseudonym by which the newest list shows a person (null: by none); undefined while no device that runs has that list. */
  #inForce(
    { number, devices }: Person,
    { appId }: AppService,
    leastMs: number,
  ): { version: number; puid: string | null } | undefined {
    const newest = this.#versions.get(number)
    const { queue, server } = this.#house
    if (newest === undefined || queue.nowMs - newest.sinceMs < leastMs) return undefined
    if (server.disk.lists.get(number)?.version !== newest.version) return undefined
    const { version } = newest
    const list = devices.map(({ machine }) => machine?.parts.list).find((one) => one?.version === version)?.committed
    if (list === undefined) return undefined
    const entry = entryOf(list, appId)
    const puid = entry !== null && isConsented(entry) ? this.#puid(appId, number, entry.rotation) : null
    return { version, puid }
  }

  #puid(appId: string, person: number, rotation: number): string {
    const { crypto, puidKey } = this.#house.server.setting
    const codec = this.#codecs.get(appId) ?? new PuidCodec(crypto, puidKey, fromHex(appId))
    this.#codecs.set(appId, codec)
    return codec.write({ person, rotation })
  }
}
