import { utf8Bytes, utf8Text } from '../base/text.js'

/** Bytes of a device's name that are told to others. */
export const DEVICE_NAME_BYTES_MAX = 64

/** A name, cut at a character after 64 B of UTF-8. */
export function cutName(name: string): string {
  const bytes = utf8Bytes(name)
  let end = Math.min(bytes.length, DEVICE_NAME_BYTES_MAX)
  while (end > 0 && end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return utf8Text(bytes.subarray(0, end)) ?? ''
}
