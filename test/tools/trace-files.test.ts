/** The files of qlog and key log: how they begin, and how they end when the disk does not go along. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { WatchedPacket } from '../../src/session/observer.js'
import { openTrace } from '../../src/trace/open.js'
import { RecordFile } from '../../src/trace/record-file.js'
import { parseQlog } from './records.js'

const folder = mkdtempSync(join(tmpdir(), 'pilotlight-trace-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const now = () => ({ monotonicMs: 5, wallMs: 1_800_000_000_000 })
const packet: WatchedPacket = {
  isSent: true,
  direction: 'd2s',
  datagram: Uint8Array.from([0x88, 1, 2, 3, 4, 5, 6, 4, ...new Uint8Array(16)]),
  headerBytes: 7,
  number: 6,
  plaintext: Uint8Array.from([4]),
  key: new Uint8Array(32).fill(9),
  isLastKey: false,
  cid: Uint8Array.from([1, 2, 3, 4, 5]),
  group: 'd0',
  remote: 'udp',
  epoch: 0,
  deviceBoot: new Uint8Array(12),
  serverBoot: new Uint8Array(12),
}

function opened(qlog: string | null, keyLog: string | null) {
  const warnings: string[] = []
  const warn = (text: string) => void warnings.push(text)
  return { warnings, trace: openTrace({ qlog, keyLog, vantage: 'client', version: 'test', now, warn }) }
}

t.test('nothing is asked for: nobody watches', async (t) => {
  const { trace, warnings } = opened(null, null)
  t.equal(trace.observer, null)
  t.same(trace.isOn(), { qlog: false, keyLog: false })
  t.same(warnings, [])
  await trace.close()
})

t.test('both logs', async (t) => {
  const keys = join(folder, 'keys.txt')
  writeFileSync(keys, '# earlier\n', { mode: 0o644 })
  chmodSync(keys, 0o644)
  const { trace, warnings } = opened(join(folder, 'made', 'here'), keys)
  t.match(warnings, [/the keys of the channel are written to .*keys\.txt/], 'keys are written loudly')
  trace.observer?.onPacket(packet)
  trace.observer?.onPacket(packet)
  trace.observer?.onNote({ name: 'ring_updated', group: null, fields: { state: 'queued' } })
  await trace.close()
  t.same(trace.isOn(), { qlog: false, keyLog: false })
  const text = readFileSync(keys, 'utf8')
  t.match(
    text,
    /^# earlier\n# Pilotlight key log of a client \(test\), 2027-01-15T08:00:00.000Z\nPILOTLIGHT_D2S 0102030405 0 0{24} - (09){32}\n$/,
  )
  t.equal(statSync(keys).mode & 0o777, 0o600, 'nobody else may read keys, also in a file that was there')
  const qlog = trace.qlogFile as string
  t.equal(statSync(qlog).mode & 0o777, 0o600)
  const { events } = parseQlog(readFileSync(qlog, 'utf8'))
  t.same(
    events.map(({ name }) => name),
    ['pilotlight:packet_sent', 'pilotlight:packet_sent', 'pilotlight:ring_updated'],
  )
  t.same(events[0]?.data['header'], { long: false, ask: true, probe: false, bytes: 7, cid: '0102030405' })
})

t.test('two in one moment have two files', async (t) => {
  const [one, other] = [opened(folder, null), opened(folder, null)]
  t.not(one.trace.qlogFile, other.trace.qlogFile)
  await Promise.all([one.trace.close(), other.trace.close()])
})

t.test('what cannot be written is told at the start', async (t) => {
  const file = join(folder, 'file')
  writeFileSync(file, '')
  t.throws(() => opened(join(file, 'below'), null), { code: 'PL_TRACE_FILE', message: /ENOTDIR|EEXIST/ })
  t.throws(() => opened(null, folder), { code: 'PL_TRACE_FILE', message: /EISDIR/ })
  t.throws(() => opened(null, join(folder, 'no', 'such')), { code: 'PL_TRACE_FILE', message: /ENOENT/ })
})

t.test('a disk that is full at the start', { skip: existsSync('/dev/full') ? false : 'no /dev/full' }, async (t) => {
  t.throws(() => opened(null, '/dev/full'), { code: 'PL_TRACE_FILE', message: /ENOSPC/ })
})

/** A file whose end is told to `ends`. */
function fileAt(path: string, bytesMax: number, ends: string[], first: string): RecordFile {
  const onEnd = (reason: string) => void ends.push(reason)
  return new RecordFile({ path, flags: 'a', mode: 0o600, bytesMax, onEnd, lost: (count) => `lost ${count}\n` }, first)
}

t.test(
  'a disk that fills up later ends the log, once, and nothing is thrown',
  { skip: !existsSync('/dev/full') },
  async (t) => {
    const ends: string[] = []
    const file = fileAt('/dev/full', 1000, ends, '')
    file.write('one\n')
    await file.close()
    t.same(ends, ['ENOSPC'])
    file.write('two\n')
    await file.close()
    t.same(ends, ['ENOSPC'], 'told once')
    t.notOk(file.isOpen)
  },
)

t.test('records are written behind', async (t) => {
  const path = join(folder, 'behind')
  const awake = setInterval(() => {}, 1000) // the file lets its process end
  t.teardown(() => clearInterval(awake))
  const reason = await new Promise<string>((resolve) => {
    const options = { path, flags: 'wx' as const, mode: 0o600, bytesMax: 20, lost: () => '', onEnd: resolve }
    new RecordFile(options, 'head\n').write('x'.repeat(30))
  })
  t.match(reason, /more than 20 bytes/)
  t.equal(readFileSync(path, 'utf8'), 'head\n')
})

t.test('the limit of a file holds at its end too', async (t) => {
  const path = join(folder, 'limited')
  const ends: string[] = []
  const file = fileAt(path, 20, ends, 'head\n')
  file.write('x'.repeat(30))
  await file.close()
  t.equal(ends.length, 1)
  t.equal(readFileSync(path, 'utf8'), 'head\n')
})

t.test('records that the disk is too slow for are counted', async (t) => {
  const path = join(folder, 'slow')
  const ends: string[] = []
  const file = fileAt(path, 2 ** 30, ends, '')
  const mebibyte = 'x'.repeat(1024 * 1024)
  for (let count = 0; count < 20; count++) file.write(mebibyte)
  await file.close()
  t.match(readFileSync(path, 'utf8').slice(-10), /xlost 3\n$/)
  t.same(ends, [])
})

t.test('a folder that is there is used', async (t) => {
  const there = join(folder, 'there')
  mkdirSync(there)
  const { trace } = opened(there, null)
  t.match(trace.qlogFile, /there\/pilotlight-client-2027-01-15T08-00-00-000Z-\d+-\d+\.sqlog$/)
  await trace.close()
})
