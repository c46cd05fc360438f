/** Policies whose interval never changes. */
import type { PolicySpec, RadioKind, Transport } from '../policy.js'
import { BeatingPolicy } from './beating.js'

/** The ladder of the issue: 15 s to 60 min in steps of 1.25, and its end. */
const LADDER_FROM_S = 15
const LADDER_TO_S = 3600
const LADDER_STEP = 1.25

/** Beats every `intervalS`. */
export class FixedPolicy extends BeatingPolicy {
  readonly intervalS: number

  constructor(transport: Transport, intervalS: number, asks: boolean) {
    super(transport, asks)
    this.intervalS = intervalS
  }

  protected override get isSteady(): boolean {
    return true
  }
}

/** Every interval of the ladder, on UDP and on TCP. */
export function ladder(): PolicySpec[] {
  const intervals: number[] = []
  for (let intervalS = LADDER_FROM_S; intervalS < LADDER_TO_S; intervalS *= LADDER_STEP) intervals.push(intervalS)
  return (['udp', 'tcp'] as const).flatMap((transport) =>
    [...intervals, LADDER_TO_S].map((intervalS) => ({
      name: `fixed-${transport}-${Number(intervalS.toFixed(1))}s`,
      source: 'issue 3: every interval from 15 s to 60 min in steps of 1.25',
      uses: transport,
      dependsOn: 'nothing' as const,
      create: () => new FixedPolicy(transport, intervalS, true),
    })),
  )
}

/** Intervals in use, as published. */
export const PUBLISHED_FIXED: readonly PolicySpec[] = [
  fixed('quic', 'udp', 30, 'RFC 9000 10.1.2, s2n-quic and others: 30 s; F[RFC]'),
  fixed('wireguard', 'udp', 25, 'WireGuard persistent keepalive 25 s, unanswered; M', false),
  fixed('android-vpn', 'udp', 30, 'Android Vpn.java: automatic VPN keepalive 30 s, NAT-T, unanswered; F[AOSP]', false),
  fixed('android-vcn-floor', 'udp', 120, 'Android VCN minimum 120 s, NAT-T, unanswered; F[AOSP]', false),
  fixed('android-carrier', 'udp', 300, 'Android carrier default for UDP 4500: 300 s, unanswered; F[AOSP]', false),
  {
    ...fixed('ios-ikev2', 'udp', 110, 'iOS Always-On VPN: 20 s Wi-Fi, 110 s cellular, unanswered; F[APPLE]', false),
    dependsOn: 'kind',
    create: ({ kind }) => new FixedPolicy('udp', byKind(kind, { wifi: 20, cellular: 110 }), false),
  },
  {
    ...fixed('google-play', 'tcp', 1680, 'Google Play services, fixed era: 28 min mobile, 15 min Wi-Fi; F[PACE]'),
    dependsOn: 'kind',
    create: ({ kind }) => new FixedPolicy('tcp', byKind(kind, { wifi: 900, cellular: 1680 }), true),
  },
  fixed('whatsapp', 'tcp', 285, 'WhatsApp without GCM: 4 min 45 s; F[WX]'),
  fixed('line', 'tcp', 420, 'Line: 7 min; F[WX]'),
]

function fixed(name: string, transport: Transport, intervalS: number, source: string, asks = true): PolicySpec {
  return {
    name,
    source,
    uses: transport,
    dependsOn: 'nothing',
    create: () => new FixedPolicy(transport, intervalS, asks),
  }
}

function byKind(kind: RadioKind, intervals: Record<RadioKind, number>): number {
  return intervals[kind]
}
