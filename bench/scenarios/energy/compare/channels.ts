/** The channels of `energy compare`: a policy and its wire; a channel is a few lines here. */
import { OURS, OURS_WITH_LESS } from '../../keepalive/ours.js'
import type { PolicySpec, Transport } from '../../keepalive/policy.js'
import { RIVALS } from '../../keepalive/rivals/all.js'
import { FixedPolicy, ladder } from '../../keepalive/rivals/fixed.js'
import { WIRES, type Wire } from './wire.js'

export interface Channel {
  name: string
  /** several: the one with the fewest joules of those that are alive in 99 % of the time is taken in each row, in hindsight */
  policies: readonly PolicySpec[]
  /** what it sends by each transport that its policies use */
  wires: Partial<Record<Transport, Wire>>
  source: string
}

/** In the order of tables and plots; ours first. */
export function channels(): Channel[] {
  const { oursUdp, oursTcp, mqtt, websocket, xmpp, quic, coap, fcm, simplePush } = WIRES
  const less = (name: string) => OURS_WITH_LESS.find((spec) => spec.name === name)!
  return [
    channel('pilotlight', OURS, { udp: oursUdp, tcp: oursTcp }),
    channel('pilotlight-untold', less('pilotlight-untold'), { udp: oursUdp, tcp: oursTcp }),
    channel('pilotlight-udp', less('pilotlight-udp'), { udp: oursUdp }),
    fixed(
      'mqtt-60s',
      'tcp',
      60,
      mqtt,
      'keep alive of 60 s: default of mosquitto_sub (M) and of Zephyr (CONFIG_MQTT_KEEPALIVE)',
    ),
    best('mqtt-best', 'tcp', mqtt),
    fixed('websocket-30s', 'tcp', 30, websocket, "a ping each 30 s, as in the README of npm's ws"),
    best('websocket-best', 'tcp', websocket),
    fixed('xmpp-300s', 'tcp', 300, xmpp, 'Conversations, Config.java: PING_MAX_INTERVAL 300 s'),
    fixed(
      'quic-30s',
      'udp',
      30,
      quic,
      'RFC 9000 10.1.2 and common stacks: 30 s; the connection outlives each silence (assumption, in its favour)',
    ),
    best('quic-best', 'udp', quic),
    fixed('coap-cid-30s', 'udp', 30, coap, 'a CoAP ping each 30 s; the DTLS session with CID lives for ever'),
    best('coap-cid-best', 'udp', coap),
    fixed(
      'coap-cid-hourly',
      'udp',
      3600,
      coap,
      'a sensor that reports each hour, and is reached only while its mapping lives',
    ),
    channel('fcm-like', rival('google-play'), { tcp: fcm }),
    channel('fcm-adaptive', rival('microg-fcm'), { tcp: fcm }),
    channel('simplepush', rival('firefox-os'), { tcp: simplePush }),
  ]
}

function channel(name: string, policy: PolicySpec, wires: Channel['wires']): Channel {
  return { name, policies: [policy], wires, source: policy.source }
}

function fixed(name: string, transport: Transport, intervalS: number, wire: Wire, source: string): Channel {
  const policy: PolicySpec = {
    name: `${intervalS} s`,
    source,
    uses: transport,
    dependsOn: 'nothing',
    create: () => new FixedPolicy(transport, intervalS, true),
  }
  return channel(name, policy, { [transport]: wire })
}

function best(name: string, transport: Transport, wire: Wire): Channel {
  return {
    name,
    policies: ladder().filter(({ uses }) => uses === transport),
    wires: { [transport]: wire },
    source: 'every interval from 15 s to 60 min in steps of 1.25; the best of each row in hindsight, which nobody has',
  }
}

function rival(name: string): PolicySpec {
  return RIVALS.find((spec) => spec.name === name)!
}
