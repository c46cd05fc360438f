/**
 * Handshake patterns as data, in the notation of the Noise paper (rev 34).
 */

/** What a message does, in order. Noise §5.3, §9.2 for psk. */
export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss' | 'psk'

/** A pattern ready to be followed, with the full name that both sides hash. */
export interface HandshakePattern {
  /** For example `Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s`. */
  readonly protocolName: string
  /** The responder must know the initiator's static public key beforehand. */
  readonly initiatorStaticKnown: boolean
  /** The initiator must know the responder's static public key beforehand. */
  readonly responderStaticKnown: boolean
  /** Tokens of each message; the initiator writes the first, then they alternate. */
  readonly messages: readonly (readonly Token[])[]
  /** How many pre-shared keys of 32 B the pattern mixes in. */
  readonly pskCount: number
}

/** The one suite here: X25519, ChaCha20-Poly1305, BLAKE2s. Noise §12. */
const SUITE = '25519_ChaChaPoly_BLAKE2s'

/** Noise §7.4 (one-way), §7.5 (interactive), §18.1 (deferred). */
const PATTERNS: Readonly<Record<string, string>> = {
  N: '<- s ... -> e, es',
  K: '-> s <- s ... -> e, es, ss',
  X: '<- s ... -> e, es, s, ss',

  NN: '-> e <- e, ee',
  NK: '<- s ... -> e, es <- e, ee',
  NX: '-> e <- e, ee, s, es',
  KN: '-> s ... -> e <- e, ee, se',
  KK: '-> s <- s ... -> e, es, ss <- e, ee, se',
  KX: '-> s ... -> e <- e, ee, se, s, es',
  XN: '-> e <- e, ee -> s, se',
  XK: '<- s ... -> e, es <- e, ee -> s, se',
  XX: '-> e <- e, ee, s, es -> s, se',
  IN: '-> e, s <- e, ee, se',
  IK: '<- s ... -> e, es, s, ss <- e, ee, se',
  IX: '-> e, s <- e, ee, se, s, es',

  NK1: '<- s ... -> e <- e, ee, es',
  NX1: '-> e <- e, ee, s -> es',
  X1N: '-> e <- e, ee -> s <- se',
  X1K: '<- s ... -> e, es <- e, ee -> s <- se',
  XK1: '<- s ... -> e <- e, ee, es -> s, se',
  X1K1: '<- s ... -> e <- e, ee, es -> s <- se',
  X1X: '-> e <- e, ee, s, es -> s <- se',
  XX1: '-> e <- e, ee, s -> es, s, se',
  X1X1: '-> e <- e, ee, s -> es, s <- se',
  K1N: '-> s ... -> e <- e, ee -> se',
  K1K: '-> s <- s ... -> e, es <- e, ee -> se',
  KK1: '-> s <- s ... -> e <- e, ee, se, es',
  K1K1: '-> s <- s ... -> e <- e, ee, es -> se',
  K1X: '-> s ... -> e <- e, ee, s, es -> se',
  KX1: '-> s ... -> e <- e, ee, se, s -> es',
  K1X1: '-> s ... -> e <- e, ee, s -> se, es',
  I1N: '-> e, s <- e, ee -> se',
  I1K: '<- s ... -> e, es, s <- e, ee -> se',
  IK1: '<- s ... -> e, s <- e, ee, se, es',
  I1K1: '<- s ... -> e, s <- e, ee, es -> se',
  I1X: '-> e, s <- e, ee, s, es -> se',
  IX1: '-> e, s <- e, ee, se, s -> es',
  I1X1: '-> e, s <- e, ee, s -> se, es',
}

/**
 * Reads a protocol name. Parsing costs some microseconds: do it once, not once a handshake.
 *
 * @param protocolName `Noise_` + pattern + psk modifiers joined by `+` + `_25519_ChaChaPoly_BLAKE2s`.
 * @returns the pattern.
 * @throws RangeError for an unknown pattern, modifier or suite, or a psk beyond the last message.
 */
export function parsePattern(protocolName: string): HandshakePattern {
  const parts = /^Noise_([A-Z0-9]+)((?:psk\d(?:\+psk\d)*)?)_(\w+)$/.exec(protocolName)
  const [, base = '', modifiers = '', suite = ''] = parts ?? []
  const notation = Object.hasOwn(PATTERNS, base) ? PATTERNS[base] : undefined
  if (notation === undefined || suite !== SUITE) {
    throw new RangeError(`unknown Noise protocol ${protocolName}`)
  }
  const [beforehand = '', handshake = ''] = notation.includes('...') ? notation.split('...') : ['', notation]
  const messages = handshake
    .split(/->|<-/)
    .slice(1)
    .map((tokens) => tokens.trim().split(', ') as Token[])
  const positions = modifiers === '' ? [] : modifiers.split('+').map((psk) => Number(psk.slice(3)))
  for (const position of positions) addPsk(messages, position, protocolName)
  return {
    protocolName,
    initiatorStaticKnown: beforehand.includes('-> s'),
    responderStaticKnown: beforehand.includes('<- s'),
    messages,
    pskCount: positions.length,
  }
}

/** psk0 stands at the start of the first message, pskN at the end of the Nth. Noise §9.4. */
function addPsk(messages: Token[][], position: number, protocolName: string): void {
  const message = messages[Math.max(position - 1, 0)]
  if (message === undefined) {
    throw new RangeError(`no message for psk${position} in ${protocolName}`)
  }
  if (position === 0) message.unshift('psk')
  else message.push('psk')
}
