import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { claimDeviceFile } from '../../src/cli/phone/device-file.js'
import { runOnRing } from '../../src/cli/phone/on-ring.js'
import { jsonOutlet, lineOutlet, terminalOutlet } from '../../src/cli/phone/outlet.js'
import { appDigits } from '../../src/cli/phone/phone.js'
import { eventLine } from '../../src/cli/phone/phone-event.js'
import { TrafficCounter } from '../../src/cli/phone/traffic.js'
import { deedOf, parseLine, WORDS, wordOfKey, wordsHelp } from '../../src/cli/phone/words.js'

const APP = 'app_0123456789abcdef'

t.test('keys and words say the same', async (t) => {
  t.equal(new Set(WORDS.map(({ key }) => key)).size, WORDS.length, 'no key twice')
  for (const word of WORDS) {
    t.equal(wordOfKey(word.key), word)
    const argument = word.needed === true ? ` ${APP}` : ''
    t.same(parseLine(`${word.key}${argument}`), parseLine(` ${word.word}${argument} `), word.word)
    t.match(wordsHelp().join('\n'), `${word.key}  ${word.word}`)
  }
  t.same(parseLine('idle'), { method: 'state', params: { state: 'idle' } })
  t.same(parseLine(`+ ${APP}`), { method: 'allow', params: { app: APP } })
  t.same(parseLine('accept 00ff'), { method: 'accept', params: { ring: '00ff' } })
  t.same(parseLine('accept'), { method: 'accept', params: {} })
  t.equal(parseLine('   '), null)
  t.equal(wordOfKey('Z'), null)
})

t.test('lines that say nothing', async (t) => {
  const bad = (message: RegExp) => ({ code: 'PL_BAD_LINE', exitCode: 2, message })
  t.throws(() => parseLine('frobnicate'), bad(/unknown word "frobnicate"/))
  t.throws(() => parseLine('idle now'), bad(/idle takes nothing more/))
  t.throws(() => parseLine('allow'), bad(/allow needs APP/))
  const deny = wordOfKey('-')
  if (deny === null) throw new Error('no such key')
  t.throws(() => deedOf(deny, ''), bad(/deny needs APP/))
  t.equal(appDigits(APP.toUpperCase().replace('APP', 'app')), '0123456789abcdef')
  for (const text of ['', 'app_', 'app_12', `${APP}0`, 'x'.repeat(16)])
    t.throws(() => appDigits(text), bad(/no application/))
})

t.test('events as lines', async (t) => {
  t.equal(eventLine({ event: 'online', handshakeBytes: [120, 67] }), 'online, after a handshake of 120 + 67 bytes')
  t.equal(eventLine({ event: 'online', handshakeBytes: null }), 'online, in the session that was')
  t.equal(eventLine({ event: 'state', state: 'idle', choice: 'invisible' }), 'you are idle and invisible')
  t.equal(eventLine({ event: 'apps', apps: [] }), 'nobody sees you')
  t.match(eventLine({ event: 'apps', apps: [{ app: APP, visible: false }] }), `${APP}  does not see you`)
  const grants: [object, string][] = [
    [{ visible: true }, 'sees you'],
    [{ visible: true, hours: [{}] }, 'sees you at its hours'],
    [{ visible: true, hours: [{}], appearOffline: true }, 'sees you as offline'],
    [{ appearOffline: true }, 'does not see you'],
    [{ visible: true, blocked: true }, 'is blocked'],
    [{ blocked: true, toldRevoked: true }, 'has no consent any more, and was told so'],
  ]
  for (const [entry, line] of grants) {
    t.equal(eventLine({ event: 'apps', apps: [{ app: APP, ...entry }] }), `${APP}  ${line}`)
  }
  t.equal(eventLine({ event: 'revoked', app: APP, told: false }), `${APP} has no consent any more`)
  t.equal(eventLine({ event: 'missed-rings', missed: [] }), 'no missed rings')
  t.match(eventLine({ event: 'missed-rings', missed: [{ app: APP, title: 'T', deadlineMs: 0 }] }), '"T"')
  t.equal(eventLine({ event: 'on-ring-failed', message: 'why' }), 'why')
  t.equal(eventLine({ event: 'of a later version' }), 'of a later version')
  const title = 'a\u001b[2Jb\u0007\u009bc\nd'
  const line = eventLine({ event: 'ring', title, body: 'B', app: APP, remainingMs: 29_600 })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  t.notMatch(line.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f]/, 'a title steers no terminal')
  t.match(line, /30 s/)
})

t.test('outlets', async (t) => {
  const written: string[] = []
  const write = (text: string) => void written.push(text)
  const take = () => written.splice(0).join('')
  const event = { event: 'list-key-taken' }
  jsonOutlet(write).show(event)
  jsonOutlet(write).lines(['help is not JSON'])
  t.equal(take(), '{"event":"list-key-taken"}\n')
  const lines = lineOutlet(write)
  lines.show(event)
  lines.lines(['one', 'two'])
  lines.refresh()
  t.match(take(), /^\d\d:\d\d:\d\d {2}your list can be opened here now\none\ntwo\n$/)
  const terminal = terminalOutlet(write, () => '[status]')
  terminal.show(event)
  t.match(take(), /now\n\[status\]$/, 'the status line stays below')
  terminal.refresh()
  t.equal(take(), '\r\u001b[K[status]')
  terminal.end(event)
  t.notMatch(take(), /status/)
})

t.test('traffic by direction, kind and size', async (t) => {
  const traffic = new TrafficCounter()
  for (const first of [0x80, 0xff, 0x80]) traffic.count('out', Uint8Array.of(first, 1, 2))
  traffic.count('in', Uint8Array.of(3))
  traffic.count('in', Uint8Array.of(0x66))
  traffic.count('in', new Uint8Array(0))
  const { rows, ...sums } = traffic.traffic()
  t.same(sums, { datagramsOut: 3, bytesOut: 9, datagramsIn: 3, bytesIn: 2 })
  t.same(rows[0], { direction: 'out', kind: 'channel', bytes: 3, datagrams: 3 })
  t.same(
    rows.slice(1).map(({ kind }) => kind),
    ['handshake message 2', 'unknown', 'unknown'],
  )
})

t.test('the file of a device that enrols is claimed first', async (t) => {
  const folder = t.testdir({ there: '' })
  const refusal = (message: RegExp) => ({ code: 'PL_DEVICE_FILE', exitCode: 1, message })
  t.throws(() => claimDeviceFile(join(folder, 'there')), refusal(/exists already/))
  t.throws(() => claimDeviceFile(join(folder, 'there/x')), refusal(/the folder of .* cannot be made/))
  t.throws(() => claimDeviceFile(`${folder}/`), refusal(/cannot be written \(EISDIR\)|exists already/))
  const file = join(folder, 'new/folder/ada.json')
  const release = claimDeviceFile(file)
  t.equal(statSync(file).mode & 0o777, 0o600)
  release()
  t.notOk(existsSync(file))
})

t.test('--on-ring: the ring is data, whatever is in it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const hurt = join(folder, 'hurt')
  const title = `"; touch ${hurt}; $(touch ${hurt}) \`touch ${hurt}\` '\0`
  const ring = { ring: '00', app: APP, title, body: 'B', url: 'https://x.example/?a=1&b=2', untilMs: 0 }
  const out = join(folder, 'out')
  const why = await new Promise<string>((resolve) => {
    runOnRing(
      `cat > ${out}; printf '%s' "$PILOTLIGHT_RING_TITLE|$PILOTLIGHT_RING_UNTIL" > ${out}.env; exit 3`,
      ring,
      resolve,
    )
  })
  t.equal(why, '--on-ring: the command ended with code 3')
  t.same(JSON.parse(readFileSync(out, 'utf8')), ring)
  t.equal(readFileSync(`${out}.env`, 'utf8'), `${title.replace('\0', '')}|1970-01-01T00:00:00.000Z`)
  t.notOk(existsSync(hurt))
  const missing = await new Promise<string>((resolve) => runOnRing('/no/such/command 2>/dev/null', ring, resolve))
  t.match(missing, /code 127/)
})
