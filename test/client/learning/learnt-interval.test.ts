import fc from 'fast-check'
import t from 'tap'
import {
  LEARNT_TTL_MS,
  type LearntInterval,
  newLearntInterval,
  nextProbeS,
  noteAnswered,
  noteConnectionDied,
  noteFailed,
  noteHint,
  noteMappingDied,
  usedIntervalS,
} from '../../../src/client/learning/learnt-interval.js'

const NOW = 1_800_000_000_000

/** Probes against a NAT until nothing is left to ask. @returns the values that were tried. */
function search(learnt: LearntInterval, survives: (probeS: number) => boolean, nowMs = NOW): number[] {
  const tried: number[] = []
  for (let next = nextProbeS(learnt, nowMs); next !== null; next = nextProbeS(learnt, nowMs)) {
    tried.push(next)
    if (tried.length > 60) throw new Error(`no end: ${tried}`)
    if (survives(next)) noteAnswered(learnt, next, nowMs)
    else noteFailed(learnt, next, nowMs)
  }
  return tried
}

t.test('doubles from the start, then goes to the middle; two failures at a value', async (t) => {
  const learnt = newLearntInterval(30)
  t.same(
    search(learnt, (s) => s < 180),
    [60, 120, 240, 240, 170, 202, 202, 185, 185, 177],
  )
  t.equal(learnt.safeS, 177)
  t.equal(learnt.boundS, 185)
  t.equal(usedIntervalS(learnt, NOW), 177 * 0.9)
})

t.test('a start that is too long is halved down to the least', async (t) => {
  const learnt = newLearntInterval(30)
  t.same(search(learnt, (s) => s < 20).slice(0, 5), [60, 60, 30, 30, 17], 'what failed, then what it rests on')
  t.ok(learnt.safeS >= 17 && learnt.safeS < 20)
  const dead = newLearntInterval(30)
  t.ok(search(dead, () => false).length < 12, 'a NAT that lets nothing back')
  t.equal(usedIntervalS(dead, NOW), 17 * 0.9)
})

t.test(
  'any NAT: ends below its time, within 10 % of it, in few probes, and never above what a server allows',
  async () => {
    fc.assert(
      fc.property(fc.integer({ min: 18, max: 4000 }), fc.constantFrom(30, 300, 17, 900), (timerS, startS) => {
        const learnt = newLearntInterval(startS)
        const tried = search(learnt, (s) => s < timerS)
        const interval = usedIntervalS(learnt, NOW)
        const best = Math.min(timerS, 1800)
        return (
          interval < timerS &&
          interval >= Math.max(15, 0.9 * (best / 1.1 - 1)) &&
          tried.length <= 24 &&
          tried.every((s) => s <= 1800 && Number.isInteger(s))
        )
      }),
      { numRuns: 2000 },
    )
  },
)

t.test('one lost answer changes nothing; single losses anywhere only cost probes', async (t) => {
  const learnt = newLearntInterval(30)
  let losses = 0
  const tried = search(learnt, (s) => s < 180 && ++losses % 3 !== 0)
  t.ok(learnt.safeS >= 160 && learnt.safeS < 180, `${learnt.safeS} after ${tried}`)
})

t.test('a mapping that died early halves the interval at once; a probe of the value brings it back', async (t) => {
  const learnt = newLearntInterval(30)
  search(learnt, (s) => s < 180)
  noteMappingDied(learnt, 300, NOW)
  t.equal(usedIntervalS(learnt, NOW), 177 * 0.9, 'after a longer silence than was promised it says nothing')
  noteMappingDied(learnt, 159, NOW)
  t.equal(usedIntervalS(learnt, NOW), (177 * 0.9) / 2)
  t.equal(nextProbeS(learnt, NOW), 177)
  noteFailed(learnt, 177, NOW)
  t.equal(nextProbeS(learnt, NOW), 177, 'one failure is none')
  noteAnswered(learnt, 177, NOW)
  t.equal(usedIntervalS(learnt, NOW), 177 * 0.9, 'it was a router that started anew')
  t.equal(nextProbeS(learnt, NOW), null)
})

t.test('a NAT that became shorter is learnt anew', async (t) => {
  const learnt = newLearntInterval(30)
  search(learnt, (s) => s < 180)
  noteMappingDied(learnt, 159, NOW)
  t.same(search(learnt, (s) => s < 60).slice(0, 3), [177, 177, 88])
  t.ok(learnt.safeS >= 55 && learnt.safeS < 60)
})

t.test('suspicions add up to an eighth, and fade', async (t) => {
  const learnt = newLearntInterval(300)
  for (let i = 0; i < 9; i++) noteMappingDied(learnt, 30, NOW)
  t.equal(usedIntervalS(learnt, NOW), 270 / 8)
  t.equal(usedIntervalS(learnt, NOW + LEARNT_TTL_MS + 1), 270)
})

t.test('after a week safe value and bound are asked again; a NAT that became longer is found', async (t) => {
  const learnt = newLearntInterval(30)
  search(learnt, (s) => s < 180)
  t.equal(nextProbeS(learnt, NOW + LEARNT_TTL_MS), null)
  const later = NOW + LEARNT_TTL_MS + 1
  t.same(
    search({ ...learnt }, (s) => s < 180, later),
    [177, 185, 185],
    'nothing changed',
  )
  t.same(search(learnt, (s) => s < 400, later).slice(0, 4), [177, 185, 370, 740])
  t.ok(learnt.safeS >= 370)
})

t.test('a hint is where the search begins, and never more', async (t) => {
  const learnt = newLearntInterval(30)
  noteHint(learnt, 0)
  t.equal(learnt.assumedS, 30)
  noteHint(learnt, 120)
  t.equal(usedIntervalS(learnt, NOW), 108)
  t.equal(nextProbeS(learnt, NOW), 240)
  noteAnswered(learnt, 240, NOW)
  noteHint(learnt, 60)
  t.equal(usedIntervalS(learnt, NOW), 216)
  const wild = newLearntInterval(30)
  noteHint(wild, 2 ** 53 - 1)
  t.ok(usedIntervalS(wild, NOW) <= 1800)
  const low = newLearntInterval(30)
  noteHint(low, 1)
  t.equal(usedIntervalS(low, NOW), 17 * 0.9, 'RFC 8085 §3.5: not below 15 s')
})

t.test(
  'a connection that died: above what is known once is enough, below that twice without a proof between',
  async (t) => {
    const learnt = newLearntInterval(300)
    noteConnectionDied(learnt, 600.5, NOW)
    t.match(learnt, { boundS: 600, safeS: 0, assumedS: 300, suspicions: 0 })
    noteConnectionDied(learnt, 900, NOW)
    t.equal(learnt.boundS, 600, 'the shortest')
    noteAnswered(learnt, 400, NOW)
    noteConnectionDied(learnt, 350, NOW)
    t.match(learnt, { boundS: 600, safeS: 400, suspicions: 1 })
    noteAnswered(learnt, 400, NOW)
    noteConnectionDied(learnt, 350, NOW)
    t.match(learnt, { boundS: 600, safeS: 400, suspicions: 1 }, 'the proof between')
    noteConnectionDied(learnt, 390, NOW)
    t.match(learnt, { boundS: 390, safeS: 0, assumedS: 195, suspicions: 0 })
    const later = NOW + LEARNT_TTL_MS + 1
    noteConnectionDied(learnt, 391, later)
    t.match(learnt, { boundS: 391, boundAtMs: later }, 'an old bound was asked again')
  },
)
