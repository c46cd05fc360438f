/** qlog of one end: JSON text sequences (RFC 7464) after draft-ietf-quic-qlog-main-schema, with the events of `docs/qlog.md`. */
import { hex } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import { BOOT_BYTES, Flag } from '../packet/constants.js'
import type { ChannelNote, ChannelObserver, WatchedPacket } from '../session/observer.js'
import { qlogFrames } from './qlog-frames.js'

/** Names our events. wire-spec is a draft: the fragment changes with them. */
export const QLOG_SCHEMA = 'urn:uuid:5f1f3c7e-6c0a-4c0b-9a55-2b8f7a0d9d3e#pilotlight-draft-1'

const NAMESPACE = 'pilotlight'
/** RFC 7464 §2.2 */
const RECORD_SEPARATOR = '\u001e'

/** What a qlog is made with. */
export interface QlogOptions {
  vantage: 'client' | 'server'
  /** of the program */
  version: string
  /** moment of the start, from which times count */
  start: Now
  now: () => Now
  /** takes whole records */
  write: (record: string) => void
}

/** Writes what it is told as records. */
export class Qlog implements ChannelObserver {
  readonly #options: QlogOptions

  constructor(options: QlogOptions) {
    this.#options = options
  }

  /** The first record of a file. */
  header(): string {
    const { vantage, version, start } = this.#options
    return record({
      file_schema: 'urn:ietf:params:qlog:file:sequential',
      serialization_format: 'application/qlog+json-seq',
      title: `Pilotlight ${vantage}`,
      trace: {
        common_fields: {
          time_format: 'relative_to_epoch',
          reference_time: {
            clock_type: 'monotonic',
            epoch: 'unknown',
            wall_clock_time: new Date(start.wallMs).toISOString(),
          },
        },
        vantage_point: { name: `pilotlight ${version}`, type: vantage },
        event_schemas: [QLOG_SCHEMA],
      },
    })
  }

  onPacket(packet: WatchedPacket): void {
    const { isSent, datagram, direction, number, plaintext, group, remote, cid, epoch } = packet
    const frames = qlogFrames(plaintext, direction)
    this.#event(isSent ? 'packet_sent' : 'packet_received', group, {
      kind: 'channel',
      bytes: datagram.length,
      remote,
      header: headerOf(packet),
      number,
      epoch,
      ...(direction === 's2d' ? { session_cid: hex(cid) } : {}),
      ...(frames === null ? { malformed: true } : { frames }),
    })
  }

  onNote({ name, group, fields }: ChannelNote): void {
    this.#event(name, group, fields)
  }

  /** Records were lost, as the disk was too slow. */
  lost(records: number): string {
    return this.#record('records_lost', null, { records })
  }

  #event(name: string, group: string | null, data: object): void {
    this.#options.write(this.#record(name, group, data))
  }

  #record(name: string, group: string | null, data: object): string {
    const { now, start } = this.#options
    const time = now().monotonicMs - start.monotonicMs
    return record({ time, name: `${NAMESPACE}:${name}`, ...(group === null ? {} : { group_id: group }), data })
  }
}

/** The clear header, by the names of wire-spec §5.1. */
function headerOf({ datagram, direction, headerBytes }: WatchedPacket): object {
  const flags = datagram[0] as number
  const cidBytes = direction === 'd2s' ? 5 : 0
  const hasBoot = (flags & Flag.boot) !== 0
  return {
    long: (flags & Flag.long) !== 0,
    ask: (flags & Flag.ask) !== 0,
    probe: (flags & Flag.probe) !== 0,
    bytes: headerBytes,
    ...(direction === 'd2s' ? { cid: hex(datagram.subarray(1, 1 + cidBytes)) } : {}),
    ...(hasBoot ? { boot: hex(datagram.subarray(1 + cidBytes, 1 + cidBytes + BOOT_BYTES)) } : {}),
  }
}

function record(value: object): string {
  return `${RECORD_SEPARATOR}${JSON.stringify(value)}\n`
}
