/** The doors of a device once more, for who watches it; without an observer they cost one comparison. */
import type { Now } from '../base/time.js'
import type { DeviceOptions } from './device-parts.js'
import type { DeviceEvent } from './event.js'
import { HostedDevice } from './hosted-device.js'
import type { Network } from './learning/network.js'
import { UNKNOWN_NETWORK } from './learning/network.js'
import type { ProbeStep } from './probing.js'

export class WatchedDevice extends HostedDevice {
  /** As `DeviceCore`. */
  constructor(options: DeviceOptions, now: Now) {
    super(options, now)
    this.drops.onCount = this.parts.watch?.onDrop ?? null
  }

  override handleDatagram(datagram: Uint8Array, now: Now): void {
    const { watch } = this.parts
    if (watch !== null) watch.came(datagram)
    super.handleDatagram(datagram, now)
    if (watch !== null) watch.settle()
  }

  override handleProbeDatagram(datagram: Uint8Array, now: Now): void {
    const { watch } = this.parts
    if (watch !== null) watch.came(datagram)
    super.handleProbeDatagram(datagram, now)
    if (watch !== null) watch.settle()
  }

  override handleTimeout(now: Now): void {
    super.handleTimeout(now)
    const { watch } = this.parts
    if (watch !== null) watch.compare(this.parts, now)
  }

  override networkChanged(now: Now, network: Network | null = UNKNOWN_NETWORK): void {
    const { watch } = this.parts
    if (watch !== null) watch.note('network_changed', { kind: network === null ? 'none' : network.kind })
    super.networkChanged(now, network)
  }

  override pollTransmit(): Uint8Array | null {
    const datagram = super.pollTransmit()
    const { watch } = this.parts
    if (watch !== null && datagram !== null) watch.sent(datagram)
    return datagram
  }

  override pollProbe(): ProbeStep | null {
    const step = super.pollProbe()
    const { watch } = this.parts
    if (watch !== null && step?.kind === 'send') watch.sent(step.datagram)
    return step
  }

  override pollEvent(): DeviceEvent | null {
    const event = super.pollEvent()
    const { watch } = this.parts
    if (watch !== null && event !== null) watch.event(event)
    return event
  }
}
