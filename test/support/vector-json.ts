import { hex } from '../../src/base/bytes.js'

/** What a vector file holds. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** Records of ours as JSON: byte strings in hex, names as in the CDDL of wire-spec §7. */
export function plain(value: unknown): Json {
  if (value instanceof Uint8Array) return hex(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value as Json
  const specName = (name: string) =>
    name.replace(/(Ms|S)$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [specName(name), plain(field)]))
}
