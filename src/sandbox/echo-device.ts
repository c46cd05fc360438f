import { utf8Bytes } from '../base/text.js'
import type { DeviceHandle, EndpointEvent } from '../endpoint/message.js'
import type { DeviceFrame, ServerFrame } from '../frame/frame.js'
import { splitList } from '../frame/list-parts.js'
import { encodePersonList, ListFlag, type PersonList } from '../frame/person-list.js'
import { ListResultCode, StateFlag } from '../packet/constants.js'
import type { Behaviour, TestPresence } from './message.js'

/** An idle echo device counts as away after so long, seconds: the least that THRESHOLDS can say. */
const AWAY_AFTER_S = 1
/** An echo is no real kind of device. */
const ECHO_CLASS = 0

/** Verdicts: wire-spec §12.2-3. */
const Verdict = { accepted: 0, dismissed: 1, shown: 2 } as const

type HubFrame = Extract<EndpointEvent, { kind: 'frame' }>['frame']

/** Whether the person lets the application see them. */
export type EchoConsent = 'given' | 'revoked' | 'revoked-and-told'

/** How an echo device is. */
export interface EchoState {
  behaviour: Behaviour
  presence: TestPresence
  message: string
  consent: EchoConsent
}

/**
 * A device that does what it is told: it takes the commands of a hub and gives events, as an endpoint does for a real
 * device. So whatever the application sees went through the hub's presence and rings, like everything else.
 */
export class EchoDevice {
  readonly #device: DeviceHandle
  /** 8 B */
  readonly #app: Uint8Array
  readonly #emit: (event: EndpointEvent) => void
  readonly state: EchoState
  #version = 0
  /** the list that is being committed, encoded */
  #pending: Uint8Array | null = null
  #shown: Uint8Array | null = null

  constructor(device: DeviceHandle, app: Uint8Array, state: EchoState, emit: (event: EndpointEvent) => void) {
    this.#device = device
    this.#app = app
    this.state = state
    this.#emit = emit
  }

  /** Comes into contact for the first time. */
  start(): void {
    this.#emit({ kind: 'contact', device: this.#device, state: 'active', fresh: true })
    this.#frame({ kind: 'thresholds', awayAfterS: AWAY_AFTER_S, offlineAfterS: 0 })
    this.#commit()
    this.#report()
  }

  /** Is from now on as told; what is left out stays. */
  change(change: Partial<EchoState>): void {
    Object.assign(this.state, change)
    this.#report()
    this.#commit()
  }

  /** Takes a frame of the hub. */
  take(frame: ServerFrame): void {
    if ('id' in frame) this.#emit({ kind: 'acked', device: this.#device, id: frame.id })
    if (frame.kind === 'notify') this.#answer(frame.id)
    else if (frame.kind === 'state' && (frame.flags & StateFlag.noVisibility) !== 0) this.#show()
    else if (frame.kind === 'list-result') this.#handleResult(frame.version, frame.code)
  }

  #answer(id: number): void {
    const { behaviour } = this.state
    this.#frame({ kind: 'verdict', id, what: Verdict.shown, deviceClass: ECHO_CLASS, reply: null })
    if (behaviour === 'accept')
      this.#frame({ kind: 'verdict', id, what: Verdict.accepted, deviceClass: ECHO_CLASS, reply: utf8Bytes('echo') })
    if (behaviour === 'dismiss')
      this.#frame({ kind: 'verdict', id, what: Verdict.dismissed, deviceClass: ECHO_CLASS, reply: null })
  }

  #report(): void {
    const { presence } = this.state
    const state = presence === 'offline' ? 'gone' : presence === 'away' ? 'idle' : 'active'
    this.#emit({ kind: 'contact', device: this.#device, state, fresh: false })
  }

  #commit(): void {
    this.#pending = encodePersonList(this.#list())
    // Sealed or not: a list on its way is opaque to the hub.
    const parts = splitList(this.#pending)
    const base = this.#version
    parts.forEach((part, index) => {
      this.#frame({ kind: 'list', base, version: base + 1, index, count: parts.length, part })
    })
  }

  #handleResult(version: number, code: number): void {
    if (code === ListResultCode.committed) {
      this.#version = version
      this.#shown = this.#pending
      this.#show()
    } else if (code === ListResultCode.conflict) {
      this.#version = version
      this.#commit()
    }
  }

  #show(): void {
    if (this.#shown === null) return
    const parts = splitList(this.#shown)
    parts.forEach((part, index) => {
      this.#frame({ kind: 'visibility', version: this.#version, index, count: parts.length, part })
    })
  }

  #list(): PersonList {
    const { presence, message, consent } = this.state
    const flags = consent === 'given' ? ListFlag.visible | ListFlag.shareMessages : ListFlag.toldRevoked
    const entries = consent === 'revoked' ? [] : [{ app: this.#app, flags, rotation: 0, windows: [] }]
    return { choice: presence === 'unavailable' ? 1 : 0, status: message, away: message, zone: '', entries }
  }

  #frame(frame: DeviceFrame & HubFrame): void {
    this.#emit({ kind: 'frame', device: this.#device, frame })
  }
}
