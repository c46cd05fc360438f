/** Who lives in a simulated world, for those that act on it. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { Now } from '../base/time.js'
import type { AppService } from './app-service.js'
import type { Checker } from './checker.js'
import type { DeviceNode } from './device-node.js'
import type { EventQueue } from './event-queue.js'
import type { Hostile } from './hostile.js'
import type { HostilePeer } from './hostile-peer.js'
import type { Network } from './network.js'
import type { Scenario } from './scenario.js'
import type { ServerNode } from './server-node.js'

export interface Person {
  number: number
  devices: DeviceNode[]
}

/** Webhooks, for who makes trouble and for who judges at the end. */
export interface HouseHooks {
  readonly endpoints: readonly { trouble(): void }[]
  /** who watches hears that the server's sender dies */
  readonly watch: { interrupted(): void }
  /** at the end of the calm */
  finish(): void
}

export interface House {
  readonly scenario: Scenario
  readonly random: SeededRandom
  readonly queue: EventQueue
  readonly network: Network
  readonly checker: Checker
  readonly server: ServerNode
  readonly persons: readonly Person[]
  readonly services: readonly AppService[]
  readonly hooks: HouseHooks
  readonly devices: readonly DeviceNode[]
  /** not started yet when the turmoil begins */
  readonly latecomers: readonly DeviceNode[]
  readonly hostile: Hostile
  readonly peers: readonly HostilePeer[]
  now(): Now
  /** Runs something in so many virtual seconds. */
  later(seconds: number, run: () => void): void
  /** Starts the server, and the AppServices listen anew. */
  startServer(): void
  killDevice(device: DeviceNode): void
  /** A person lets an application see them, in a browser or on a device. */
  agreed(person: number, appId: string): void
  /** Starts it, unless it runs or the calm has begun: then who is off stays so. */
  startDevice(device: DeviceNode): void
  /** Another phone with the same papers and nothing on its flash. */
  cloneOf(device: DeviceNode): DeviceNode
  /** Another server with the same keys and disk, at no port yet. */
  copyOfServer(): ServerNode
}
