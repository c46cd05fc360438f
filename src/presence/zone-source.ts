/** A zone's offset at one moment. */
export interface ZoneOffset {
  /** minutes that the zone's clock is ahead of UTC; may be negative */
  offsetMinutes: number
  /** Unix ms up to which this holds; ask again then */
  untilMs: number
}

/** Time zones as data, passed into the pure core. */
export interface ZoneSource {
  /**
   * The offset of a zone.
   *
   * @param zone   IANA name; '' is UTC.
   * @param wallMs Unix ms.
   * @returns null for a name that is no zone.
   */
  offsetAt(zone: string, wallMs: number): ZoneOffset | null
}
