/** Old copies: of a phone's flash and of the server's disk, put in the place of the new one or run beside it. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { DeviceNode } from './device-node.js'
import type { House } from './house.js'
import { copyDisk, type Disk } from './sim-store.js'

export class Copies {
  readonly #house: House
  readonly #random: SeededRandom
  readonly #flashes = new Map<DeviceNode, Uint8Array | null>()
  #yesterday: Disk
  #isBeside = false

  /** Takes the first backup. */
  constructor(house: House) {
    this.#house = house
    this.#random = house.random.fork('copies')
    this.#yesterday = copyDisk(house.server.disk)
    for (const device of house.devices) this.#flashes.set(device, device.flash)
  }

  /** A phone is set back to an old backup; then the next backup is made. */
  restoreFlash(device: DeviceNode): void {
    const { checker, killDevice, later } = this.#house
    const old = this.#flashes.get(device) ?? null
    this.#flashes.set(device, device.flash)
    killDevice(device)
    device.restoreFlash(old)
    checker.deviceRestored(device.name)
    later(0.1 + this.#random.int(20), () => {
      if (!device.isRunning) device.start()
    })
  }

  /** A copy of a phone, as it is now or as it was, lives beside it for a while. */
  clone(device: DeviceNode): void {
    const { cloneOf, killDevice, later } = this.#house
    const clone = cloneOf(device)
    clone.restoreFlash(this.#random.uniform() < 0.5 ? device.flash : (this.#flashes.get(device) ?? null))
    clone.start()
    later(5 + this.#random.int(60), () => killDevice(clone))
  }

  /** Yesterday's disk is put in; then the next backup is made. */
  restoreDisk(): void {
    const { server, checker, later, startServer } = this.#house
    if (!server.isUp) return
    server.crash()
    const old = this.#yesterday
    this.#yesterday = copyDisk(server.disk)
    server.disk = old
    checker.serverRestored()
    later(0.5 + this.#random.int(10), () => {
      if (!server.isUp) startServer()
    })
  }

  /** A copy of the server, with the disk of now or of yesterday, gets some of the datagrams for a while. */
  runBeside(): void {
    const { server, network, copyOfServer, later } = this.#house
    if (!server.isUp || this.#isBeside) return
    this.#isBeside = true
    const copy = copyOfServer()
    copy.disk = copyDisk(this.#random.uniform() < 0.5 ? server.disk : this.#yesterday)
    copy.start()
    const share = this.#random.uniform()
    network.straysTo = () => (this.#random.uniform() < share ? copy.ports : null)
    later(5 + this.#random.int(60), () => {
      network.straysTo = () => null
      copy.crash()
      this.#isBeside = false
    })
  }
}
