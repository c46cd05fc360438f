/** What is offered to the server in a second, or was in a while. */
export interface Offer {
  /** of known devices, a pong each */
  pings: number
  /** of devices without a session */
  handshakes: number
  /** of applications, to known devices */
  rings: number
  /** reads of one person's presence */
  presence: number
}

/** Parts of a load, in hundredths: what a server with a storm at its door may see. */
export const SHARES: Readonly<Offer> = { pings: 80, handshakes: 8, rings: 2, presence: 10 }

/** A load of so many things a second in all; at least one of each. */
export function offerOf(perSecond: number): Offer {
  const part = (share: number) => Math.max(1, Math.round((perSecond * share) / 100))
  return {
    pings: part(SHARES.pings),
    handshakes: part(SHARES.handshakes),
    rings: part(SHARES.rings),
    presence: part(SHARES.presence),
  }
}
