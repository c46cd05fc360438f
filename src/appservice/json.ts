/** What the server says, as it says it; the OpenAPI document explains each field. Times are ISO 8601 texts. */

/** A person as your application sees them. */
export interface Presence {
  puid: string
  state: 'online' | 'away' | 'unavailable' | 'offline' | 'unknown'
  message: string
  since: string
  version: number
  cause: 'device' | 'idle' | 'contact-lost' | 'user' | 'window' | 'restart' | 'revoked'
  asOf: string
}

/** Stands in a list for a PUID that is not one of your application. */
export interface UnknownPuid {
  puid: string
  error: { code: 'unknown-puid'; title: string }
}

/** A live notification. */
export interface RingState {
  id: string
  state: 'queued' | 'sent' | 'delivered' | 'accepted' | 'dismissed' | 'missed' | 'withdrawn' | 'failed'
  reason: string | null
  createdAt: string
  deadlineAt: string
  deliveredAt: string | null
  shownAt: string | null
  endedAt: string | null
  by: string | null
  deviceClass: 'other' | 'phone' | 'tablet' | 'desktop' | 'browser' | 'watch' | null
  /** in place of a PUID in `to`: rings the device that accepted, alone, until it expires */
  deviceHandle: string | null
  deviceHandleExpiresAt: string | null
  reply: string | null
}

/** What a stream yields. After `reset` (or a lost connection) the stream connects again by itself, and `snapshot` follows. */
export type StreamEvent =
  | { type: 'restarted'; id: string; bootedAt: string; offlineAt: string }
  | { type: 'snapshot'; id: string; part: number; parts: number; persons: (Presence | UnknownPuid)[] }
  | { type: 'presence'; id: string; person: Presence }
  | { type: 'ring'; id: string; ring: RingState }
  | { type: 'reset'; id: string; reason: string }

/** What to ring. */
export interface RingRequest {
  /** one PUID or device handle, or up to 64: a pool, where the first to accept stops the others */
  to: string | string[]
  title: string
  body?: string
  /** absolute URL that accepting opens */
  url?: string
  /** base64url, opaque to the server */
  payload?: string
  /** 5..600, default 30 */
  deadlineSeconds?: number
  /** how a pool is rung: all at once (default), or one after another in the order of `to` */
  strategy?: 'all' | 'sequence'
  /** of a sequence: how long each is rung while somebody else could be, 5..600, default 20 */
  stepSeconds?: number
  /** takes the place of an open ring to the same person with the same key; 1 to 64 printable ASCII characters */
  collapseKey?: string
}
