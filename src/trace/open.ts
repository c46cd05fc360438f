/** Opens the logs for researchers: qlog in a folder, key log in a file. Both are off unless asked for. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { PilotlightError } from '../base/errors.js'
import type { Now } from '../base/time.js'
import type { ChannelObserver } from '../session/observer.js'
import { KeyLog } from './key-log.js'
import { Qlog } from './qlog.js'
import { RecordFile } from './record-file.js'

/** One file of qlog, bytes at most: some ten million events. */
const QLOG_BYTES_MAX = 4 * 1024 ** 3
const KEY_LOG_BYTES_MAX = 1024 ** 3

/** Only its owner may read a log: it tells who was there when, or more. */
const MODE = 0o600

export interface TraceOptions {
  /** folder of qlog files, made if there is none; null: none */
  qlog: string | null
  /** file of the key log, appended; null: none */
  keyLog: string | null
  vantage: 'client' | 'server'
  /** of the program, for the head of the qlog */
  version: string
  now: () => Now
  /** told what somebody should know: that keys are written, that a log has ended */
  warn: (text: string) => void
}

/** Logs that are open. */
export interface Trace {
  /** null: nothing is asked for */
  observer: ChannelObserver | null
  /** path of the qlog file, or null */
  qlogFile: string | null
  /** whether each is still written */
  isOn(): { qlog: boolean; keyLog: boolean }
  close(): Promise<void>
}

/**
 * Opens the logs.
 *
 * @throws PilotlightError PL_TRACE_FILE if one cannot be written.
 */
export function openTrace(options: TraceOptions): Trace {
  const { qlog, keyLog } = options
  const keys = keyLog === null ? null : openKeyLog(keyLog, options)
  const events = qlog === null ? null : openQlog(qlog, options)
  const observers = [keys, events].flatMap((one) => one ?? []).map(({ observer }) => observer)
  return {
    observer: observers.length === 0 ? null : both(observers),
    qlogFile: events?.path ?? null,
    isOn: () => ({ qlog: events?.file.isOpen ?? false, keyLog: keys?.file.isOpen ?? false }),
    close: async () => {
      await keys?.file.close()
      await events?.file.close()
    },
  }
}

function openKeyLog(path: string, { vantage, version, now, warn }: TraceOptions) {
  const head = `# Pilotlight key log of a ${vantage} (${version}), ${new Date(now().wallMs).toISOString()}\n`
  const file = opened(path, () => {
    const onEnd = (reason: string) => warn(`the key log ${path} has ended: ${reason}`)
    return new RecordFile({ path, flags: 'a', mode: MODE, bytesMax: KEY_LOG_BYTES_MAX, onEnd, lost: () => '' }, head)
  })
  warn(`the keys of the channel are written to ${path}: who reads it reads all that is sent`)
  return { file, observer: new KeyLog((line) => file.write(line)) }
}

function openQlog(folder: string, { vantage, version, now, warn }: TraceOptions) {
  const start = now()
  const stamp = new Date(start.wallMs).toISOString().replaceAll(/[:.]/g, '-')
  const path = join(folder, `pilotlight-${vantage}-${stamp}-${process.pid}-${++opens}.sqlog`)
  let file: RecordFile | null = null
  const observer = new Qlog({ vantage, version, start, now, write: (record) => file?.write(record) })
  const made = opened(path, () => {
    mkdirSync(folder, { recursive: true })
    const onEnd = (reason: string) => warn(`the qlog ${path} has ended: ${reason}`)
    const lost = (records: number) => observer.lost(records)
    return new RecordFile({ path, flags: 'wx', mode: MODE, bytesMax: QLOG_BYTES_MAX, onEnd, lost }, observer.header())
  })
  file = made
  return { file: made, path, observer }
}

/** Files of this process, so that two of one moment have two names. */
let opens = 0

function opened(path: string, open: () => RecordFile): RecordFile {
  try {
    return open()
  } catch (error) {
    throw new PilotlightError('PL_TRACE_FILE', `${path} (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
  }
}

function both(observers: readonly ChannelObserver[]): ChannelObserver {
  const [only] = observers
  if (only !== undefined && observers.length === 1) return only
  return {
    onPacket: (packet) => {
      for (const observer of observers) observer.onPacket(packet)
    },
    onNote: (note) => {
      for (const observer of observers) observer.onNote(note)
    },
  }
}
