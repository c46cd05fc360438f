/**
 * What the endpoint and the hub tell each other, and what the endpoint asks of the store: plain records that could cross a thread.
 * The hub never sees a session record; a device is named by its handle.
 */
import type { DeviceFrame, PingState, ServerFrame } from '../frame/frame.js'

/**
 * Names a device: worker (6 bits), slot (24) and generation (16) in one safe integer, see `device-handle.ts`.
 * A removed device's handle is never used again until 65,536 owners of the slot later.
 */
export type DeviceHandle = number

/** Endpoint -> hub. */
export type EndpointEvent =
  /** The device is in contact: first packet that takes effect, contact after loss, or a changed PING state. */
  | {
      kind: 'contact'
      device: DeviceHandle
      state: PingState /** true after a handshake, a device's start or a server's restart: STATE is wanted */
      fresh: boolean
    }
  /** Declared silence plus grace ran out. */
  | { kind: 'lost'; device: DeviceHandle }
  /** An application frame; byte strings in it are copies. Never ping, response, silence, close, step, probe, learnt, or an ack of the endpoint's own frames. */
  | {
      kind: 'frame'
      device: DeviceHandle
      frame: Exclude<
        DeviceFrame,
        { kind: 'ping' | 'response' | 'silence' | 'close' | 'step' | 'ack' | 'probe' | 'learnt' }
      >
    }
  /** A reliable frame that the hub sent was acked (id as in the frame), or given up. */
  | { kind: 'acked'; device: DeviceHandle; id: number }
  | { kind: 'unacked'; device: DeviceHandle; id: number }
  /** The session ended (CLOSE, key limit). The device counts as lost. */
  | { kind: 'ended'; device: DeviceHandle }

/** Hub -> endpoint. */
export type EndpointCommand =
  /** Sends frames in one packet at once. Reliable frames are repeated until acked or until `untilMonotonicMs`. Refused (event `unacked`) when 8 wait or there is no session. */
  | { kind: 'send'; device: DeviceHandle; frames: ServerFrame[]; untilMonotonicMs: number }
  /** Stops repeating a reliable frame. */
  | { kind: 'cancel'; device: DeviceHandle; id: number }
  /** A device was enrolled: its slot is free for a handshake. */
  | { kind: 'add'; device: DeviceHandle; rotation: number }
  /** A device was removed: CLOSE with `code` goes out once, the session is erased, the handle is dead. */
  | { kind: 'remove'; device: DeviceHandle; code: number }

/** Endpoint -> store. `request` numbers are the endpoint's; replies come to `handleStored`. */
export type EndpointStoreRequest =
  | { kind: 'find-device'; request: number; publicKey: Uint8Array }
  /**
   * Must be durable before the reply. `session` is the fixed-size saved record (plaintext; the store seals it). The stored
   * stamp never goes back: `stampMs` 0 leaves it as it is.
   */
  | {
      kind: 'commit-session'
      request: number
      device: DeviceHandle
      stampMs: number
      rotation: number
      session: Uint8Array
    }
  /** Write-behind, no reply. */
  | { kind: 'save-session'; device: DeviceHandle; rotation: number; session: Uint8Array }
  /** The session is gone, no reply. */
  | { kind: 'erase-session'; device: DeviceHandle; rotation: number }

/** Store -> endpoint. */
export type EndpointStoreReply =
  | { kind: 'found'; request: number; device: FoundDevice | null }
  | { kind: 'committed'; request: number; ok: boolean }

export interface FoundDevice {
  device: DeviceHandle
  /** 32 B */
  psk: Uint8Array
  /** stamp of the last committed session, Unix ms; 0 none */
  stampMs: number
  /** rotation count of the slot, 0..1023 */
  rotation: number
}

/**
 * Endpoint -> endpoint, where several divide the slots: which of them a device's slot belongs to stands in no message 1, and is
 * known when the store has found the device. mac1, limits and stamp are checked.
 */
export interface HandOver {
  /** message 1, 120 or 136 B */
  message: Uint8Array
  /** 18 B, where it came from */
  remote: Uint8Array
  device: FoundDevice
}

/** One datagram to send. `bytes` may be reused after the next call into the endpoint. */
export interface Transmit {
  /** 16 B address (IPv4 mapped into IPv6) and 2 B port, big-endian */
  remote: Uint8Array
  bytes: Uint8Array
}
