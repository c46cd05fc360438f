import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Frame } from '../../src/frame/frame.js'
import { type ArrayKind, type FrameLayout, layoutOfKind, layoutOfType } from '../../src/frame/frame-layout.js'
import { needsPadding } from '../../src/frame/padding.js'
import { Choice, LIST_DEPTH_MAX, LIST_ITEMS_MAX, ListFlag } from '../../src/frame/person-list.js'
import { LIST_PLAINTEXT_BYTES_MAX } from '../../src/frame/sealed-list.js'
import { silenceSeconds } from '../../src/frame/silence.js'
import * as constants from '../../src/packet/constants.js'
import { datagramKind } from '../../src/packet/header.js'
import { ROOT } from '../support/root.js'

const SPEC = readFileSync(join(ROOT, 'wire-spec.md'), 'utf8')

/** The text of a section, by the start of its heading. */
function section(heading: string): string {
  const start = SPEC.indexOf(`\n${heading}`)
  if (start < 0) throw new Error(`wire-spec has no ${heading}`)
  const level = heading.split(' ')[0] as string
  const end = SPEC.slice(start + 1).search(new RegExp(`\\n#{2,${level.length}} `))
  return end < 0 ? SPEC.slice(start) : SPEC.slice(start, start + 1 + end)
}

/** Cells of each row of the tables in a text, without heads. */
function rows(text: string): string[][] {
  const lines = text.split('\n')
  return lines
    .filter((line, i) => line.startsWith('|') && !line.startsWith('|--') && !lines[i + 1]?.startsWith('|--'))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )
}

const camel = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
const cell = (row: readonly string[], i: number): string => (row[i] ?? '').replaceAll('`', '')

t.test('section 14 and constants.ts say the same', async (t) => {
  const table = new Map(rows(section('## 14.')).map((row) => [cell(row, 0), cell(row, 1)]))
  t.ok(table.size >= 40, 'the table was found')
  const ours = new Map(Object.entries(constants).filter(([name]) => /^[A-Z][A-Z0-9_]+$/.test(name)))
  for (const [name, value] of table) t.equal([ours.get(name)].flat().join(', '), value, name)
  const elsewhere = ['SILENCE_CLASS_S', 'ONE_BYTE_VALUES', 'DEVICE_CLASSES'] // sections 7.1 and 12.2, below
  for (const name of ours.keys()) t.ok(table.has(name) || elsewhere.includes(name), `${name} is in the spec`)
})

t.test('section 3: kinds, directions, lengths', async (t) => {
  const kinds = rows(section('## 3.'))
  t.equal(kinds.length, 6)
  for (const row of kinds) {
    const [first, ...more] = cell(row, 0).match(/0x../g) ?? []
    for (const direction of ['d2s', 's2d'] as const) {
      const takes = cell(row, 2) === direction || cell(row, 2) === 'both'
      const range = cell(row, 3).match(new RegExp(`(\\d+) to (\\d+) \\(${direction}\\)`)) ?? [
        cell(row, 3),
        cell(row, 3),
        cell(row, 3),
      ]
      const bytes = new Uint8Array(1300)
      bytes[0] = Number(first)
      for (let length = 1; length <= 1300; length++) {
        const kind = datagramKind(bytes.subarray(0, length), direction)
        const expected = takes && length >= Number(range[1]) && length <= Number(range[2])
        if ((kind !== 'kind' && kind !== 'length') !== expected) t.fail(`${first} ${direction} ${length}: ${kind}`)
      }
    }
    t.ok(more.length === 0 || Number(more[0]) === 0xff)
  }
})

t.test('section 5.1: flag bits', async (t) => {
  const bits = rows(section('### 5.1')).filter((row) => cell(row, 0).startsWith('0x'))
  t.strictSame(
    Object.fromEntries(bits.map((row) => [cell(row, 1).toLowerCase(), Number(cell(row, 0))])),
    constants.Flag,
  )
})

t.test('section 7.1: states and classes of PING', async (t) => {
  const table = rows(section('### 7.1'))
  const states = table.filter((row) => row.length === 3)
  t.strictSame(Object.fromEntries(states.map((row) => [cell(row, 1), Number(cell(row, 0))])), constants.PingStateNumber)
  const seconds = table.find((row) => cell(row, 0).startsWith('seconds of silence')) as string[]
  t.strictSame(seconds.slice(1, 16).map(Number), [...constants.SILENCE_CLASS_S])
  t.match(seconds[16], /SILENCE/)
  t.equal(silenceSeconds(15, 33), 33)
  t.match(section('### 7.2'), `modulo ${constants.ONE_BYTE_VALUES}.`)
})

t.test('refusals, close codes, verdicts, outcomes, list results', async (t) => {
  const named = (heading: string, name: number) =>
    Object.fromEntries(rows(section(heading)).map((row) => [camel(cell(row, name)), Number(cell(row, 0))]))
  t.strictSame(named('### 4.3', 1), constants.RefusalCode)
  t.strictSame(named('### 7.4', 1), constants.CloseCode)
  const listed = (heading: string, word: string) => {
    const sentence = section(heading).match(new RegExp(`${word}: (0 [^.]*)\\.`))?.[1] ?? ''
    return sentence.split(/, (?=\d )/).map((item) => [Number(item[0]), item.slice(2)] as const)
  }
  const verdicts = listed('### 12.2', 'VERDICT')
  t.strictSame(Object.fromEntries(verdicts.map(([code, name]) => [name, code])), constants.VerdictWhat)
  const classes =
    section('### 12.2')
      .match(/for the sender: (0 [^;]*);/)?.[1]
      ?.split(', ') ?? []
  t.strictSame(
    classes,
    constants.DEVICE_CLASSES.map((name, code) => `${code} ${name}`),
  )
  const words = {
    acceptedHere: 'accepted by this device',
    answeredElsewhere: 'answered elsewhere',
    dismissedHere: 'dismissed by this device',
    missed: 'missed',
    withdrawn: 'withdrawn',
  }
  const outcomes = listed('### 12.2', 'OUTCOME')
  for (const [name, code] of Object.entries(constants.OutcomeWhat)) {
    t.ok(outcomes.find(([number]) => number === code)?.[1].startsWith(words[name as keyof typeof words]), name)
  }
  const list = section('## 10.')
  t.match(list, new RegExp(`code ${constants.ListResultCode.committed} \\(committed\\)`))
  t.match(list, new RegExp(`code ${constants.ListResultCode.conflict} \\(conflict\\)`))
  t.match(list, new RegExp(`LIST_RESULT code ${constants.ListResultCode.applied}\\.`))
  t.match(list, `STATE flag ${constants.StateFlag.noVisibility} says`)
})

t.test('section 8.3: close codes', async (t) => {
  const codes = rows(section('### 8.3')).map((row) => Number(cell(row, 0)))
  t.strictSame(codes, Object.values(constants.WebSocketClose))
})

const CDDL = section('## 7.').match(/```cddl\n([\s\S]*?)```/)?.[1] ?? ''
const cddl = new Map(
  [...CDDL.matchAll(/^([a-z0-9-]+) +=\s*(.*(?:\n +\/.*)*)/gm)].map((match) => [match[1] as string, match[2] as string]),
)

t.test('section 7: frame types, directions and fields', async (t) => {
  const kindsOf = (direction: string) => (cddl.get(direction) ?? '').split('/').map((name) => name.trim())
  const arrays = [...cddl].filter(([, rule]) => /^\[\d+/.test(rule))
  t.equal(arrays.length, 33)
  for (const [kind, rule] of arrays) {
    const items = rule
      .slice(1, rule.lastIndexOf(']'))
      .split(/,(?![^(]*\))/)
      .map((item) => item.trim())
    const layout: FrameLayout = layoutOfKind(kind as ArrayKind)
    t.equal(layout.type, Number(items[0]), `type of ${kind}`)
    t.equal(layout.fields.length, items.length - 1, `fields of ${kind}`)
    t.equal(layout.lastIsOptional, items.at(-1)?.startsWith('?'), `optional field of ${kind}`)
    for (const direction of ['d2s', 's2d'] as const) {
      const isThere = kindsOf(direction).includes(kind)
      t.equal(layoutOfType(layout.type, direction)?.kind === kind, isThere, `${kind} ${direction}`)
    }
    for (const [i, [, isValid]] of layout.fields.entries()) {
      checkRange(t, kind, (items[i + 1] ?? '').replace('? ', ''), isValid)
    }
  }
  for (const name of [...kindsOf('d2s'), ...kindsOf('s2d')]) t.ok(cddl.has(name), `${name} has a rule`)
  t.equal(cddl.get('ping')?.split(' ')[0], '-24..23')
  t.equal(cddl.get('ack')?.split(' ')[0], '256..65535')
  t.equal(layoutOfType(128, 'd2s'), undefined)
})

/** What a name in the CDDL stands for; those of one line with `id = ..` have no line of their own. */
const NAMED = new Map(
  [...CDDL.matchAll(/([a-z]+) = ([^;=]*?)(?= {3}|\n|$)/g)].map((match) => [match[1] as string, match[2] as string]),
)

function checkRange(t: Test, kind: string, item: string, isValid: FrameLayout['fields'][number][1]): void {
  const given = item.includes(': ') ? (item.split(': ')[1] as string) : item
  const rule = NAMED.get(given) ?? given
  const takes = isValid as unknown as (value: unknown) => boolean
  const name = `${kind}: ${item}`
  const range = rule.match(/^(\d+)\.\.(\d+)$/) ?? (rule === 'uint' ? ['', '0', '9007199254740991'] : null)
  const size = rule.match(/^bstr(?: \.size (?:(\d+)|\((\d+)\.\.(\d+)\)))?$/)
  if (range !== null) {
    const [least, most] = [Number(range[1]), Number(range[2])]
    t.strictSame([least - 1, least, most, most + 1].map(takes), [false, true, true, false], name)
  } else if (size !== null) {
    const least = Number(size[1] ?? size[2] ?? 0)
    const most = Number(size[1] ?? size[3] ?? 1200)
    t.ok(takes(new Uint8Array(least)) && takes(new Uint8Array(most)), name)
    if (least > 0) t.notOk(takes(new Uint8Array(least - 1)), name)
    if (most !== 1200) t.notOk(takes(new Uint8Array(most + 1)), name)
  } else if (rule.includes('window')) {
    const window = [127, 0, 1439]
    const most = Array.from({ length: constants.GRANT_WINDOWS_MAX }, () => window)
    t.equal(rule, `[*${most.length} window]`, name)
    const no = [[...most, window], [[0, 0, 0]], [[128, 0, 0]], [[1, 1440, 0]], [[1, 0, 1440]], [[1, 0]], [1], 1]
    t.strictSame([[], most, ...no].map(takes), [true, true, ...no.map(() => false)], name)
  } else {
    t.equal(rule, 'tstr', `a rule that this test knows: ${name}`)
    t.ok(takes('') && !takes(0) && !takes(new Uint8Array(0)), name)
  }
}

t.test('[R-7-6]: padded kinds and lengths', async (t) => {
  const rule = SPEC.match(/\[R-7-6\] A packet with (.*) is padded with .* has (.*) B\./) as RegExpMatchArray
  t.strictSame(rule[2]?.match(/\d+/g)?.map(Number), [...constants.PADDED_DATAGRAM_BYTES])
  const named = (rule[1] as string).split(/, | or /).map((name) => name.toLowerCase().replace('_', '-'))
  for (const [kind, text] of cddl) {
    if (!/^\[\d+/.test(text) || kind === 'verdict') continue
    t.equal(needsPadding([{ kind } as unknown as Frame]), named.includes(kind), kind)
  }
  t.ok(named.includes('verdict with a reply'))
})

t.test('section 10: bounds of the person list', async (t) => {
  const text = section('## 10.')
  t.match(
    text,
    `up to ${LIST_DEPTH_MAX} levels of arrays, ${LIST_ITEMS_MAX} items and ${LIST_PLAINTEXT_BYTES_MAX.toLocaleString('en')} B`,
  )
  t.match(text, `at most ${constants.LIST_ENTRIES_MAX} entries`)
  t.match(text, `at most ${constants.MESSAGE_TEXT_BYTES_MAX} B of UTF-8`)
  t.match(
    text,
    `Flags: ${ListFlag.visible} visible, ${ListFlag.appearOffline} appear offline, ${ListFlag.shareMessages} share the messages, ${ListFlag.blocked} blocked, ${ListFlag.toldRevoked} revoked`,
  )
  t.match(
    text,
    `choice ${Choice.available} available, ${Choice.unavailable} unavailable, ${Choice.invisible} invisible`,
  )
})
