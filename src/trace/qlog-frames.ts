/** Frames as a qlog tells them: type and numbers, by the names of wire-spec §7. Never keys, texts, pseudonyms, application ids. */
import { hex } from '../base/bytes.js'
import type { Frame } from '../frame/frame.js'
import { decodeFrames } from '../frame/frame-codec.js'
import { silenceSeconds } from '../frame/silence.js'
import type { Direction } from '../packet/constants.js'

type Fields = Record<string, string | number | boolean>

/** A frame in a qlog. */
export interface QlogFrame extends Fields {
  frame_type: string
}

/** Class 15 says what the last SILENCE frame said. */
const SILENCE_TOLD = 15

/** `null`, the padding. wire-spec [R-7-5] */
const PADDING = 0xf6

/** What is told of each kind, beside its type. A kind that is not here has nothing that may be told. */
const FIELDS: { [Kind in Frame['kind']]?: (frame: Extract<Frame, { kind: Kind }>) => Fields } = {
  ping: ({ state, silenceClass }) => ({
    state,
    class: silenceClass,
    ...(silenceClass < SILENCE_TOLD ? { silence: silenceSeconds(silenceClass, 0) } : {}),
  }),
  pong: ({ residue }) => ({ number_modulo_48: residue }),
  ack: ({ id }) => ({ id }),
  verdict: ({ id, what, deviceClass }) => ({ id, what, class: deviceClass }),
  thresholds: ({ awayAfterS, offlineAfterS }) => ({ away_after: awayAfterS, offline_after: offlineAfterS }),
  silence: ({ seconds }) => ({ seconds }),
  sync: ({ version }) => ({ version }),
  visibility: ({ version, index, count }) => ({ version, index, count }),
  list: ({ base, version, index, count }) => ({ base, version, index, count }),
  'want-list': ({ index }) => ({ index }),
  close: ({ code }) => ({ code }),
  probe: ({ delayS }) => ({ delay: delayS }),
  step: ({ key }) => ({ with_key: key !== null }),
  learnt: ({ network, seconds }) => ({ network, seconds }),
  granted: ({ what }) => ({ what }),
  'new-cid': ({ id, cid }) => ({ id, cid: hex(cid) }),
  notify: ({ id, ring, deadlineMs }) => ({ id, ring: hex(ring), deadline: deadlineMs }),
  outcome: ({ id, ring, what }) => ({ id, ring: hex(ring), what }),
  state: ({ id, version, flags }) => ({ id, version, flags }),
  'list-part': ({ version, index, count }) => ({ version, index, count }),
  'list-result': ({ version, code }) => ({ version, code }),
  'retry-after': ({ seconds }) => ({ seconds }),
  'server-key': ({ id }) => ({ id }),
  'key-offer': ({ id, request }) => ({ id, request }),
  'key-given': ({ id }) => ({ id }),
  'key-sealed': ({ request }) => ({ request }),
  clock: ({ clockMs }) => ({ ms: clockMs }),
  stepped: ({ key }) => ({ with_key: key !== null }),
  hint: ({ network, seconds }) => ({ network, seconds }),
  grant: ({ id, what }) => ({ id, what }),
}

/**
 * The frames of a packet.
 *
 * @param plaintext of a packet that opened.
 * @returns null if they break the frame rules.
 */
export function qlogFrames(plaintext: Uint8Array, direction: Direction): QlogFrame[] | null {
  const frames: readonly Frame[] | null =
    direction === 'd2s' ? decodeFrames(plaintext, 'd2s') : decodeFrames(plaintext, 's2d')
  if (frames === null) return null
  const told = frames.map(
    (frame): QlogFrame => ({
      frame_type: frame.kind,
      ...(FIELDS[frame.kind] as ((frame: Frame) => Fields) | undefined)?.(frame),
    }),
  )
  let end = plaintext.length
  while (end > 0 && plaintext[end - 1] === PADDING) end--
  if (end < plaintext.length) told.push({ frame_type: 'padding', bytes: plaintext.length - end })
  return told
}
