const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Character code to base64url digit; 255 elsewhere. */
const DIGIT_OF = new Uint8Array(128).fill(255)
for (let digit = 0; digit < 64; digit++) DIGIT_OF[BASE64URL.charCodeAt(digit)] = digit

/** Bytes as base64url without padding (RFC 4648 §5). */
export function base64url(bytes: Uint8Array): string {
  return digits(bytes, 6, BASE64URL)
}

/**
 * base64url as bytes (RFC 4648 §5), strictly: each byte string has one text.
 *
 * @param text without padding, space or `+` and `/`.
 * @returns a fresh array, or null for a character outside the alphabet, an impossible length, or unused bits that are
 *   not zero (RFC 4648 §3.5).
 */
export function fromBase64url(text: string): Uint8Array | null {
  if (text.length % 4 === 1) return null
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let held = 0
  let heldBits = 0
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const digit = code < 128 ? (DIGIT_OF[code] as number) : 255
    if (digit === 255) return null
    held = ((held & 0x3f) << 6) | digit
    heldBits += 6
    if (heldBits < 8) continue
    heldBits -= 8
    bytes[at++] = held >> heldBits
  }
  return (held & ((1 << heldBits) - 1)) === 0 ? bytes : null
}

/** Bytes as base32 in capitals without padding (RFC 4648 §6). */
export function base32(bytes: Uint8Array): string {
  return digits(bytes, 5, BASE32)
}

/** Bytes as digits of `bits` bits each; the last is filled up with zero bits. */
function digits(bytes: Uint8Array, bits: number, alphabet: string): string {
  let text = ''
  let held = 0
  let heldBits = 0
  for (const byte of bytes) {
    held = ((held & 0xff) << 8) | byte
    heldBits += 8
    while (heldBits >= bits) {
      heldBits -= bits
      text += alphabet[(held >> heldBits) & ((1 << bits) - 1)]
    }
  }
  if (heldBits > 0) text += alphabet[(held << (bits - heldBits)) & ((1 << bits) - 1)]
  return text
}
