import t from 'tap'
import { parsePattern } from '../../src/noise/pattern.js'

const named = (pattern: string) => `Noise_${pattern}_25519_ChaChaPoly_BLAKE2s`

t.test('the pattern of the wire protocol reads as in the paper', async (t) => {
  t.strictSame(parsePattern(named('IKpsk2')), {
    protocolName: named('IKpsk2'),
    initiatorStaticKnown: false,
    responderStaticKnown: true,
    messages: [
      ['e', 'es', 's', 'ss'],
      ['e', 'ee', 'se', 'psk'],
    ],
    pskCount: 1,
  })
})

t.test('psk modifiers go to the start of message 1 or the end of message N', async (t) => {
  t.strictSame(parsePattern(named('NNpsk0')).messages, [
    ['psk', 'e'],
    ['e', 'ee'],
  ])
  t.strictSame(parsePattern(named('NNpsk1')).messages, [
    ['e', 'psk'],
    ['e', 'ee'],
  ])
  const both = parsePattern(named('NNpsk0+psk2'))
  t.strictSame(both.messages, [
    ['psk', 'e'],
    ['e', 'ee', 'psk'],
  ])
  t.equal(both.pskCount, 2)
})

t.test('a parse does not change the next one', async (t) => {
  parsePattern(named('NNpsk0'))
  t.strictSame(parsePattern(named('NN')).messages, [['e'], ['e', 'ee']])
})

t.test('unknown names are refused', async (t) => {
  const bad = [
    '',
    'Noise_',
    named('ZZ'),
    named('constructor'),
    named('NNpsk3'),
    named('NNfallback'),
    named('NNpsk'),
    named('NNpsk0psk2'),
    'Noise_NN_448_ChaChaPoly_BLAKE2s',
    'Noise_NN_25519_AESGCM_BLAKE2s',
    `${named('NN')} `,
  ]
  for (const name of bad) t.throws(() => parsePattern(name), RangeError, name)
})
