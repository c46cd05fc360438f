import type { NetworkView, PolicySpec, RadioKind } from '../policy.js'
import { BeatingPolicy } from './beating.js'

/** microG GcmPrefs; F[MICROG]. */
const MIN_S = 300
const MAX_S = 1800
const GROWTH = 1.02
const SHRINK = 0.95

/** microG's FCM heartbeat: in band, on TCP, one value for mobile and one for Wi-Fi. */
export class MicrogPolicy extends BeatingPolicy {
  readonly #learntS: Record<RadioKind, number> = { wifi: MIN_S, cellular: MIN_S }
  #kind: RadioKind = 'wifi'

  constructor() {
    super('tcp')
  }

  get intervalS(): number {
    return this.#learntS[this.#kind]
  }

  protected override networkChanged({ kind }: NetworkView): void {
    this.#kind = kind
  }

  protected override beatAnswered(): void {
    this.#learn(GROWTH)
  }

  protected override beatFailed(): void {
    this.#learn(SHRINK)
  }

  /** microG counts whole ms. */
  #learn(factor: number): void {
    const learntS = Math.trunc(this.intervalS * factor * 1000) / 1000
    this.#learntS[this.#kind] = Math.max(MIN_S, Math.min(learntS, MAX_S))
  }
}

export const MICROG: PolicySpec = {
  name: 'microg-fcm',
  source: 'microG GcmPrefs: 5 to 30 min, x1.02 on an answer, x0.95 on a timeout; F[MICROG]',
  uses: 'tcp',
  dependsOn: 'kind',
  create: () => new MicrogPolicy(),
}
