/** Characters of the token by which calls and answers are told apart. */
export const TOKEN_LENGTH = 8

/** Bytes of a call's text, for every system alike: a title, a body and a link of usual length. */
export const BODY_BYTES = 96

/** A call's body: its token, and a text. */
export function body(token: string): Buffer {
  return Buffer.from(token.padEnd(BODY_BYTES, 'Somebody waits at your door. '))
}
