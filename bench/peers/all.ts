import { BenchError } from '../bench-error.js'
import { aedesTls } from './aedes.js'
import { libcoapDtls } from './libcoap.js'
import { mosquittoTcp, mosquittoTls } from './mosquitto.js'
import { natsTls } from './nats.js'
import type { Peer } from './peer.js'
import { udpFloor } from './udp-floor.js'
import { wsTls } from './ws.js'

/** Every peer that can be started, in the order of reports. */
export const PEERS: readonly Peer[] = [mosquittoTls, mosquittoTcp, natsTls, wsTls, aedesTls, libcoapDtls]

/** Those, and what Node itself takes. */
export const PEERS_AND_FLOOR: readonly Peer[] = [...PEERS, udpFloor]

/**
 * The peers that `--peers` names; all where it is not given, none for `none`.
 *
 * @throws BenchError naming those there are.
 */
export function chosenPeers(value: string | boolean | undefined, from: readonly Peer[] = PEERS): readonly Peer[] {
  if (typeof value !== 'string') return from
  if (value === 'none') return []
  return value.split(',').map((name) => {
    const found = from.find((peer) => peer.name === name)
    if (found !== undefined) return found
    throw new BenchError(`no peer "${name}"; there are ${from.map((peer) => peer.name).join(', ')}, and none`)
  })
}
