import t from 'tap'
import {
  ATTEMPTS,
  asksEveryAt,
  classOfPromise,
  falseOfflinesPerDeviceYear,
  promiseS,
} from '../../../src/client/learning/false-offline.js'
import { deadShare, MARGIN } from '../../../src/client/learning/margin.js'
import { expectedStayS, isWorth } from '../../../src/client/learning/probe-worth.js'
import { silenceSeconds } from '../../../src/frame/silence.js'

t.test('at 1 % loss less than one false offline in ten device-years, whatever the interval', async (t) => {
  let worst = 0
  for (let intervalS = 15; intervalS <= 1800; intervalS++) {
    worst = Math.max(worst, falseOfflinesPerDeviceYear(0.01, intervalS, 1))
  }
  t.ok(worst < 0.1, `${worst} a year`)
  t.ok(worst > 0.01, 'and not because nothing was counted')
})

t.test('asking less often keeps it as long as the promise reaches the next asking ping and its repeats', async (t) => {
  for (const asksEvery of [2, 3, 4]) {
    for (let intervalS = 15; intervalS <= 1800; intervalS++) {
      const perYear = falseOfflinesPerDeviceYear(0.01, intervalS, asksEvery)
      if (perYear >= 0.1) t.fail(`${asksEvery} ${intervalS}: ${perYear}`)
    }
  }
  t.ok(falseOfflinesPerDeviceYear(0.01, 30, 1, 2) > 1, 'two attempts would not do')
  t.equal(ATTEMPTS, 4)
  t.same(
    [15, 450, 451, 901, 1800].map((intervalS) => asksEveryAt(4, intervalS)),
    [4, 4, 3, 1, 1],
  )
})

t.test('[R-7.1-3] [R-7.1-5] promises', async (t) => {
  t.equal(promiseS(26.9, 1, true), 27)
  t.equal(promiseS(60, 4, true), 240)
  t.equal(promiseS(60, 3, false), 180)
  t.equal(promiseS(60, 1, false), 120, 'two intervals, if it does not ask')
  t.equal(promiseS(1700, 1, false), 1800)
  for (let seconds = 1; seconds <= 1800; seconds++) {
    const told = silenceSeconds(classOfPromise(seconds), seconds)
    if (told < seconds || told > seconds * 1.0625) t.fail(`${seconds} is told as ${told}`)
  }
})

t.test('the margin is the least whole per cent that keeps the mapping alive for 99 % of the time', async (t) => {
  t.ok(deadShare(MARGIN, 0.3) < 0.01)
  const least = Array.from({ length: 20 }, (_, percent) => percent / 100).find(
    (margin) => deadShare(margin, 0.3) < 0.01,
  )
  t.equal(least, MARGIN)
  t.equal(deadShare(MARGIN, 0.18), 0)
})

t.test('a probe must save more tails than it costs', async (t) => {
  t.equal(expectedStayS(10), 3600)
  t.equal(expectedStayS(86_400), 86_400)
  t.ok(isWorth(27, 54, 3600))
  t.notOk(isWorth(900, 972, 3600))
  t.ok(isWorth(900, 972, 7 * 86_400))
  t.notOk(isWorth(100, 90, 1e9))
})
