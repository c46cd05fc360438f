/** Options of commands: each reads a text into a value, whether it comes from a flag, the environment or the config file. */
import { usageError } from './cli-error.js'

/** One option. `Value` is what the command gets. */
export interface Option<Value> {
  /** how the value looks in the help, '' for a switch */
  readonly placeholder: string
  readonly help: string
  readonly fallback: Value
  /** the fallback in the help; '' is not shown */
  readonly fallbackText: string
  readonly kind: 'value' | 'switch' | 'list'
  /**
   * @param texts at least one; more only for a list.
   * @throws CliError naming `name` if a text is no such value.
   */
  read(texts: string[], name: string): Value
}

/** Options of a command by name in camel case; the flag is the same in kebab case. */
// biome-ignore lint/suspicious/noExplicitAny: each option has its own value type, kept by Values
export type Options = Record<string, Option<any>>

/** The values of options. */
export type Values<O extends Options> = { [Name in keyof O]: O[Name] extends Option<infer Value> ? Value : never }

/** `udpPort` -> `udp-port`. */
export function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** `udpPort` -> `PILOTLIGHT_UDP_PORT`. */
export function variableName(name: string): string {
  return `PILOTLIGHT_${flagName(name).replaceAll('-', '_').toUpperCase()}`
}

/** Whether a text is an absolute URL of http or https. */
export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

/** Any text. */
export function text(placeholder: string, help: string, fallback = ''): Option<string> {
  return { placeholder, help, fallback, fallbackText: fallback, kind: 'value', read: ([value = '']) => value }
}

/** One of some words. */
export function oneOf<Word extends string>(words: readonly Word[], help: string, fallback: Word): Option<Word> {
  return {
    placeholder: words.join('|'),
    help,
    fallback,
    fallbackText: fallback,
    kind: 'value',
    read([value = ''], name) {
      const word = words.find((candidate) => candidate === value)
      if (word === undefined) throw usageError(`${name} must be ${words.join(' or ')}, not "${value}"`)
      return word
    },
  }
}

/** A whole number in a range; `fallback` null: the command has an answer of its own. */
export function wholeNumber<Fallback extends number | null>(
  placeholder: string,
  help: string,
  range: { from: number; to: number },
  fallback: Fallback,
): Option<number | Fallback> {
  return {
    placeholder,
    help,
    fallback,
    fallbackText: fallback === null ? '' : String(fallback),
    kind: 'value',
    read([value = ''], name) {
      const number = /^[0-9]+$/.test(value) ? Number(value) : Number.NaN
      if (number >= range.from && number <= range.to) return number
      throw usageError(`${name} must be a whole number from ${range.from} to ${range.to}, not "${value}"`)
    },
  }
}

/** A switch; in the environment and the config file `true` or `false`, `1` or `0`. */
export function onOff(help: string): Option<boolean> {
  return {
    placeholder: '',
    help,
    fallback: false,
    fallbackText: '',
    kind: 'switch',
    read([value = ''], name) {
      if (value === 'true' || value === '1') return true
      if (value === 'false' || value === '0') return false
      throw usageError(`${name} must be true or false, not "${value}"`)
    },
  }
}

/** Given more than once, or separated by commas in the environment. */
export function list(placeholder: string, help: string, fallbackText: string): Option<string[]> {
  return {
    placeholder,
    help,
    fallback: [],
    fallbackText,
    kind: 'list',
    read: (texts) => texts.filter((one) => one !== ''),
  }
}
