import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { CHALLENGE_LIFE_MS, PathProof } from '../../src/session/path.js'
import { addressOf } from '../support/pair.js'

const A = addressOf(1)
const B = addressOf(2)

function heard(): PathProof {
  const proof = new PathProof(new SeededRandom('path'))
  proof.heard(A, 24, 0)
  return proof
}

t.test('[R-8.1-1] the first packet of an address wants a CHALLENGE of 8 random bytes at once', async (t) => {
  const proof = heard()
  t.same(proof.address, A)
  t.equal(proof.challenge.length, 8)
  t.ok(proof.challenge.some((byte) => byte !== 0))
  t.equal(proof.mayChallenge(0), true)
  t.equal(proof.challengeDueMs, Number.NEGATIVE_INFINITY)
})

t.test('[R-8.1-3] only the same bytes, from the same address, after they were sent', async (t) => {
  const proof = heard()
  const { challenge } = proof
  t.equal(proof.isProvedBy(challenge, A), false, 'not sent yet')
  proof.sent(33, false, 0)
  t.equal(proof.isProvedBy(challenge, A), false, 'a PONG is no CHALLENGE')
  proof.sent(10, true, 0)
  t.equal(proof.isProvedBy(challenge, A), true)
  t.equal(proof.isProvedBy(challenge, B), false)
  t.equal(
    proof.isProvedBy(
      challenge.map((byte) => byte ^ 1),
      A,
    ),
    false,
  )
  t.equal(proof.isProvedBy(challenge.subarray(0, 7), A), false)
})

t.test('[R-8.1-4] one CHALLENGE a second, whatever the address; one that waits is due then', async (t) => {
  const proof = heard()
  proof.sent(33, true, 0)
  t.equal(proof.mayChallenge(0), false)
  t.equal(proof.challengeDueMs, Infinity, 'none waits')
  proof.heard(B, 24, 400)
  t.equal(proof.mayChallenge(999), false)
  t.equal(proof.challengeDueMs, 1000)
  t.equal(proof.mayChallenge(1000), true)
  proof.sent(29, true, 1000)
  t.equal(proof.mayChallenge(5000), false, 'nothing was heard since')
  proof.heard(B, 24, 5000)
  t.equal(proof.mayChallenge(5000), true)
  proof.giveUp()
  t.equal(proof.mayChallenge(5000), false)
  t.equal(proof.challengeDueMs, Infinity)
})

t.test('[R-8.1-4] another address takes the place of the last, with bytes and budget of its own', async (t) => {
  const proof = heard()
  const first = hex(proof.challenge)
  proof.sent(33, true, 0)
  proof.heard(A, 24, 100)
  t.equal(hex(proof.challenge), first, 'the same address keeps its bytes')
  t.equal(proof.isProvedBy(proof.challenge, A), true)
  proof.heard(B, 30, 200)
  t.not(hex(proof.challenge), first)
  t.same(proof.address, B)
  t.equal(proof.isProvedBy(proof.challenge, B), false, 'not sent to this one')
  t.equal(proof.hasBudget(60), true)
  t.equal(proof.hasBudget(61), false)
})

t.test('[R-8.1-4] at most twice the bytes that came', async (t) => {
  const proof = heard()
  t.equal(proof.hasBudget(48), true)
  t.equal(proof.hasBudget(49), false)
  proof.sent(33, true, 0)
  t.equal(proof.hasBudget(15), true)
  t.equal(proof.hasBudget(16), false)
  proof.heard(A, 10, 10)
  t.equal(proof.hasBudget(35), true)
  t.equal(proof.hasBudget(36), false)
})

t.test('a proof is of use for 10 s after it was heard or sent', async (t) => {
  const proof = heard()
  t.equal(CHALLENGE_LIFE_MS, 10_000)
  t.equal(proof.expiresAtMs, 10_000)
  proof.sent(33, true, 500)
  t.equal(proof.expiresAtMs, 10_500)
  proof.heard(A, 24, 700)
  t.equal(proof.expiresAtMs, 10_700)
})
