/**
 * Frames of the channel: wire-spec §7. One record per kind; `kind` is our name, the type number is the codec's.
 * Byte strings are borrowed from the packet they were read from: copy what is kept.
 */

/** Device states of PING, wire-spec §7.1. */
export type PingState = 'active' | 'idle' | 'gone'

export interface PingFrame {
  kind: 'ping'
  state: PingState
  /** Silence class, 0..15; 15 means "as the last SILENCE frame says". */
  silenceClass: number
}
export interface AckFrame {
  kind: 'ack'
  /** 256..65535 */
  id: number
}
/** 0 accepted, 1 dismissed, 2 shown, 3 refused */
export type VerdictCode = 0 | 1 | 2 | 3
export interface VerdictFrame {
  kind: 'verdict'
  /** id of the NOTIFY */
  id: number
  what: VerdictCode
  /** what the device says it is, 0..23: place in DEVICE_CLASSES, beyond them as 0 */
  deviceClass: number
  /** at most 256 B */
  reply: Uint8Array | null
}
export interface ResponseFrame {
  kind: 'response'
  /** 8 B */
  challenge: Uint8Array
}
export interface ThresholdsFrame {
  kind: 'thresholds'
  /** seconds of idleness until away; 0 never */
  awayAfterS: number
  /** seconds of idleness until offline; 0 never */
  offlineAfterS: number
}
export interface SilenceFrame {
  kind: 'silence'
  /** 1..1800 */
  seconds: number
}
export interface SyncFrame {
  kind: 'sync'
  version: number
}
export interface VisibilityFrame {
  kind: 'visibility'
  version: number
  index: number
  count: number
  part: Uint8Array
}
export interface ListFrame {
  kind: 'list'
  base: number
  version: number
  index: number
  count: number
  part: Uint8Array
}
export interface WantListFrame {
  kind: 'want-list'
  index: number
}
export interface KeyRequestFrame {
  kind: 'key-request'
  /** 16 B */
  nonce: Uint8Array
}
export interface KeySealedFrame {
  kind: 'key-sealed'
  request: number
  /** 80 B */
  sealed: Uint8Array
}
export interface PuidRequestFrame {
  kind: 'puid-request'
  /** 8 B */
  app: Uint8Array
  rotation: number
}
/** 0 it is in the committed list, 1 this device cannot put it there */
export type GrantedCode = 0 | 1
export interface GrantedFrame {
  kind: 'granted'
  /** 16 B */
  grant: Uint8Array
  what: GrantedCode
}
export interface CloseFrame {
  kind: 'close'
  code: number
}

export interface ProbeFrame {
  kind: 'probe'
  /** seconds until the server answers; 0 at once */
  delayS: number
}
export interface StepFrame {
  kind: 'step'
  /** 32 B, X25519 public key of this step; null: a symmetric step */
  key: Uint8Array | null
}
/** 0 unknown, 1 Wi-Fi or wire, 2 cellular */
export type NetworkCode = 0 | 1 | 2
export interface LearntFrame {
  kind: 'learnt'
  network: NetworkCode
  /** longest silence that the mapping survived; 0 asks only what others learnt */
  seconds: number
}

/** Frames from device to server. */
export type DeviceFrame =
  | PingFrame
  | AckFrame
  | VerdictFrame
  | ResponseFrame
  | ThresholdsFrame
  | SilenceFrame
  | SyncFrame
  | VisibilityFrame
  | ListFrame
  | WantListFrame
  | KeyRequestFrame
  | KeySealedFrame
  | PuidRequestFrame
  | GrantedFrame
  | CloseFrame
  | ProbeFrame
  | StepFrame
  | LearntFrame

export interface PongFrame {
  kind: 'pong'
  /** packet number answered, modulo 48 */
  residue: number
}
export interface ChallengeFrame {
  kind: 'challenge'
  /** 8 B */
  challenge: Uint8Array
}
export interface NewCidFrame {
  kind: 'new-cid'
  id: number
  /** 5 B */
  cid: Uint8Array
  /** 12 B */
  token: Uint8Array
}
export interface NotifyFrame {
  kind: 'notify'
  id: number
  /** 16 B */
  ring: Uint8Array
  /** 8 B */
  app: Uint8Array
  /** of the pseudonym that the sender used */
  rotation: number
  /** Unix ms by the server's clock */
  deadlineMs: number
  title: string
  body: string
  url: string
  payload: Uint8Array
}
/** 0 accepted by this device, 1 answered elsewhere, 2 dismissed by this device, 3 missed, 4 withdrawn */
export type OutcomeCode = 0 | 1 | 2 | 3 | 4
export interface OutcomeFrame {
  kind: 'outcome'
  id: number
  /** 16 B, as in NOTIFY */
  ring: Uint8Array
  what: OutcomeCode
}
export interface StateFrame {
  kind: 'state'
  id: number
  /** the person's list version */
  version: number
  /** bit 0: the server holds no visibility for this person */
  flags: number
}
export interface ListPartFrame {
  kind: 'list-part'
  version: number
  index: number
  count: number
  part: Uint8Array
}
export interface ListResultFrame {
  kind: 'list-result'
  version: number
  /** 0 committed, 1 conflict, 2 visibility applied */
  code: 0 | 1 | 2
}
export interface RetryAfterFrame {
  kind: 'retry-after'
  seconds: number
}
export interface ServerKeyFrame {
  kind: 'server-key'
  id: number
  /** 32 B */
  key: Uint8Array
}
export interface KeyOfferFrame {
  kind: 'key-offer'
  id: number
  request: number
  /** 32 B, static public key of the new device */
  deviceKey: Uint8Array
  /** 16 B */
  nonce: Uint8Array
  name: string
}
export interface KeyGivenFrame {
  kind: 'key-given'
  id: number
  /** 32 B, static public key of the giving device */
  senderKey: Uint8Array
  /** 16 B */
  nonce: Uint8Array
  /** 80 B */
  sealed: Uint8Array
}
export interface PuidFrame {
  kind: 'puid'
  /** 8 B */
  app: Uint8Array
  rotation: number
  puid: string
}

/** Hours as in a person's list: days, start, end. */
export type GrantWindow = readonly [number, number, number]

/** 0 an application may see the person, 1 that is taken back */
export type GrantCode = 0 | 1
export interface GrantFrame {
  kind: 'grant'
  id: number
  /** 16 B */
  grant: Uint8Array
  /** 8 B */
  app: Uint8Array
  /** of the pseudonym that the application was given */
  rotation: number
  what: GrantCode
  /** as in the list: days, start, end; none: as they are, at first all hours */
  windows: readonly GrantWindow[]
  /** IANA name, for a list that has none; '' none */
  zone: string
}

/** In the packet with the PONG that answers a packet with SYNC. */
export interface ClockFrame {
  kind: 'clock'
  /** server's clock when the packet was made, Unix ms */
  clockMs: number
}

export interface SteppedFrame {
  kind: 'stepped'
  /** 32 B, X25519 public key of this step; null: a symmetric step */
  key: Uint8Array | null
}
/** The device is to take a step with a key. */
export interface WantStepFrame {
  kind: 'want-step'
}
export interface HintFrame {
  kind: 'hint'
  network: NetworkCode
  /** what most devices on such a network learnt; 0 too few did */
  seconds: number
}

/** Frames from server to device. */
export type ServerFrame =
  | PongFrame
  | ChallengeFrame
  | CloseFrame
  | NewCidFrame
  | NotifyFrame
  | OutcomeFrame
  | StateFrame
  | ListPartFrame
  | ListResultFrame
  | RetryAfterFrame
  | ServerKeyFrame
  | KeyOfferFrame
  | KeyGivenFrame
  | PuidFrame
  | GrantFrame
  | ClockFrame
  | SteppedFrame
  | WantStepFrame
  | HintFrame

/** Frames that the server repeats until the device acks their id, wire-spec §7.3. */
export type ReliableFrame =
  | NewCidFrame
  | NotifyFrame
  | OutcomeFrame
  | StateFrame
  | ServerKeyFrame
  | KeyOfferFrame
  | KeyGivenFrame
  | GrantFrame

export type Frame = DeviceFrame | ServerFrame
