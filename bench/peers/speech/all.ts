import type { Speech, SpeechName } from '../peer.js'
import { coap } from './coap.js'
import { floor } from './floor.js'
import { mqtt } from './mqtt.js'
import { nats } from './nats.js'
import { ws } from './ws.js'

/** By name, as the generator process finds them. */
export const SPEECHES: Readonly<Record<SpeechName, Speech>> = { mqtt, nats, ws, coap, floor }
