import { libcoapDtls } from './libcoap.js'
import { mosquittoTcp, mosquittoTls } from './mosquitto.js'
import { natsTls } from './nats.js'
import type { Peer } from './peer.js'
import { wsTls } from './ws.js'

/** Every peer that can be started, in the order of reports. */
export const PEERS: readonly Peer[] = [mosquittoTls, mosquittoTcp, natsTls, wsTls, libcoapDtls]
