import t from 'tap'
import { classFor, graceMs, silenceSeconds } from '../../src/frame/silence.js'

t.test('a class covers what is asked for and is the smallest that does', async (t) => {
  for (let seconds = 0; seconds <= 1801; seconds++) {
    const found = classFor(seconds)
    if (seconds > 1800) t.equal(found, 15)
    else {
      if (silenceSeconds(found, 0) < seconds) t.fail(`${seconds} is not covered`)
      if (found > 0 && silenceSeconds(found - 1, 0) >= seconds) t.fail(`${seconds} is covered by a smaller class`)
    }
  }
  t.equal(silenceSeconds(15, 77), 77)
  t.equal(classFor(60), 4)
  t.equal(classFor(60.5), 5)
})

t.test('[R-7.1-2] grace is 10 s and a sixteenth', async (t) => {
  t.equal(graceMs(60), 13_750)
  t.equal(graceMs(1800), 122_500)
  t.equal(graceMs(0), 10_000)
})
