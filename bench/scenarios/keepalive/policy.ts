/**
 * The door for keepalive policies: rivals and, later, Pilotlight's own. A policy sees what a real device sees (answers,
 * silence, the name of the network, that the radio is up) and nothing else: no lifetime, no NAT, no clock of the server.
 * Pure: time comes in, actions are polled. Times in s since the start of the life.
 *
 * The simulator calls one `handle...`, then `pollAction` until null, then `nextTimeout`, in this order, each time.
 */

export type Transport = 'udp' | 'tcp'

/** What the host tells of the network that the phone is on. */
export interface NetworkView {
  /** SSID or carrier; the same text each time the phone comes back */
  identity: string
  kind: RadioKind
}

export type RadioKind = 'wifi' | 'cellular'

/** What a device knows of its own radio. */
export interface RadioFacts {
  kind: RadioKind
  /** e.g. `LTE`, `5G NSA`: phones know it from the operating system */
  generation: string
  /** name of the radio profile, for a policy that publishes parameters for each; a rival must not look at it */
  profile: string
}

export type Action =
  /**
   * A packet on the live mapping. UDP: if the mapping has died this makes a new one, and the server follows. TCP: on a
   * dead connection it goes nowhere. With `asks`, `handleAnswer` or, after `waitS`, `handleSilence` follows; a
   * later ping that asks takes the place of an earlier one.
   */
  | { kind: 'ping'; transport: Transport; asks: boolean; waitS: number }
  /** A new TCP connection (WebSocket included); the session moves to it. `handleAnswer` follows. */
  | { kind: 'connect'; waitS: number }
  /**
   * On a socket of its own: the server answers after `delayS`. `primed`: it answers at once, too, so that the mapping
   * is a replied one. `handleProbe` follows after `delayS`, or `waitS` later if no answer came. One at a time: a new
   * one drops the old. A change of network drops it without a word.
   */
  | { kind: 'probe'; transport: Transport; delayS: number; primed: boolean; waitS: number }

/** What came back on the live mapping. */
export interface Answer {
  transport: Transport
  /**
   * The server says that the packet came from another address than those before (Pilotlight: a challenge). Many NATs
   * keep the outside port, a firewall keeps all: false proves nothing.
   */
  moved: boolean
}

/** Pings in equal steps, for as long as they are answered and nothing else happens. */
export interface SteadyPings {
  transport: Transport
  intervalS: number
  asks: boolean
}

export interface KeepalivePolicy {
  /** The phone is on this network from now on, maybe the same as before; null: on none. */
  handleNetwork(network: NetworkView | null, nowS: number): void
  handleAnswer(answer: Answer, nowS: number): void
  handleSilence(nowS: number): void
  /** TCP: the NAT ended the connection. */
  handleReset(nowS: number): void
  handleProbe(probe: { transport: Transport; delayS: number; answered: boolean }, nowS: number): void
  /** Another application's traffic has just woken the radio: a packet now costs next to nothing. */
  handleRadioUp(nowS: number): void
  /** A ring came on the live mapping, and was acknowledged. Optional: policies whose timers it does not touch. */
  handleTraffic?(nowS: number): void
  handleTimeout(nowS: number): void
  /** When `handleTimeout` is due; Infinity for never. */
  nextTimeout(): number
  /** The next thing to do now, or null. */
  pollAction(): Action | null

  /**
   * Optional, for speed. Not null: from `nextTimeout` on it would send such pings, whatever the answers say, until
   * another `handle...` is called. The simulator may then send a number of them itself and call `handleSteadyPings`.
   */
  steadyPings?(): SteadyPings | null
  /** The last of the pings that the simulator sent was at `lastS`, and was answered. */
  handleSteadyPings?(lastS: number): void

  /** The interval that it believes in now, s; for validation. */
  readonly intervalS: number
}

/** A policy for the table: its name, where it comes from, and how to make one for a phone. */
export interface PolicySpec {
  name: string
  /** a policy on one transport meets the same world on all NATs that share this transport's distribution */
  uses: Transport | 'both'
  /** published parameters with source, and what had to be assumed */
  source: string
  /** what `create` looks at; simulations are shared between radios that look the same to the policy */
  dependsOn: 'nothing' | 'kind' | 'profile'
  create(facts: RadioFacts): KeepalivePolicy
}
