/** What a person types at the terminal phone: single keys, or the same as words, one line each. */

import type { Params } from '../../io/call-socket.js'
import { cliError } from '../cli-error.js'

/** Something that the phone shall do: a method of `phoneMethods`, or one of the terminal's own. */
export interface Deed {
  method: string
  params: Params
}

interface Word {
  /** the key on a terminal, also the short form on a line */
  key: string
  word: string
  help: string
  method: string
  params: Params
  /** name of the parameter that follows the word */
  argument?: string
  /** whether it must follow */
  needed?: boolean
}

/** All words, in the order of the help. */
export const WORDS: readonly Word[] = [
  { key: 'a', word: 'active', help: 'you use this device', method: 'state', params: { state: 'active' } },
  { key: 'i', word: 'idle', help: 'you do not', method: 'state', params: { state: 'idle' } },
  { key: 'v', word: 'available', help: 'you may be rung', method: 'choice', params: { choice: 'available' } },
  {
    key: 'u',
    word: 'unavailable',
    help: 'rings are kept, not shown',
    method: 'choice',
    params: { choice: 'unavailable' },
  },
  { key: 'x', word: 'invisible', help: 'you look offline', method: 'choice', params: { choice: 'invisible' } },
  { key: 'y', word: 'accept', help: 'accept the ring [RING]', method: 'accept', params: {}, argument: 'ring' },
  { key: 'n', word: 'dismiss', help: 'dismiss the ring [RING]', method: 'dismiss', params: {}, argument: 'ring' },
  { key: 'l', word: 'apps', help: 'show which applications see you', method: 'apps', params: {} },
  {
    key: '+',
    word: 'allow',
    help: 'let an application see and ring you: APP',
    method: 'allow',
    params: {},
    argument: 'app',
    needed: true,
  },
  {
    key: '-',
    word: 'deny',
    help: 'hide from it, the consent stays: APP',
    method: 'deny',
    params: {},
    argument: 'app',
    needed: true,
  },
  {
    key: 'f',
    word: 'forget',
    help: 'take the consent back; it reads like out of contact: APP',
    method: 'forget',
    params: {},
    argument: 'app',
    needed: true,
  },
  {
    key: 'r',
    word: 'revoke',
    help: 'take it back and tell the application: APP',
    method: 'revoke',
    params: {},
    argument: 'app',
    needed: true,
  },
  {
    key: 'p',
    word: 'rotate',
    help: 'another pseudonym; the old one is offline for good: APP',
    method: 'rotate',
    params: {},
    argument: 'app',
    needed: true,
  },
  { key: 'm', word: 'missed', help: 'show missed rings', method: 'missed', params: {} },
  { key: 'c', word: 'network', help: 'as after a change of network: a new socket', method: 'network', params: {} },
  {
    key: 'k',
    word: 'confirm',
    help: 'give your list to the new device that asks',
    method: 'confirm',
    params: {},
    argument: 'request',
  },
  { key: 's', word: 'status', help: 'show state and counters', method: 'status', params: {} },
  { key: '?', word: 'help', help: 'show this', method: 'help', params: {} },
  { key: 'q', word: 'quit', help: 'leave: you are offline at once', method: 'quit', params: {} },
]

/** The word of a key; null if it is none. */
export function wordOfKey(key: string): Word | null {
  return WORDS.find((word) => word.key === key) ?? null
}

/**
 * Reads a line such as `idle`, `+ app_0123456789abcdef` or `accept`.
 *
 * @returns null for an empty line.
 * @throws CliError PL_BAD_LINE.
 */
export function parseLine(line: string): Deed | null {
  const [first = '', ...rest] = line.trim().split(/\s+/)
  if (first === '') return null
  const word = WORDS.find(({ key, word }) => key === first || word === first)
  if (word === undefined) throw cliError('PL_BAD_LINE', `unknown word "${first}"`)
  return deedOf(word, rest.join(' '))
}

/** The deed of a word with what followed it. */
export function deedOf(word: Word, argument: string): Deed {
  if (word.argument === undefined) {
    if (argument !== '') throw cliError('PL_BAD_LINE', `${word.word} takes nothing more`)
    return { method: word.method, params: word.params }
  }
  if (argument === '' && word.needed === true)
    throw cliError('PL_BAD_LINE', `${word.word} needs ${word.argument.toUpperCase()}`)
  return { method: word.method, params: argument === '' ? word.params : { ...word.params, [word.argument]: argument } }
}

/** The help of the terminal phone. */
export function wordsHelp(): string[] {
  return WORDS.map(({ key, word, help }) => `  ${key}  ${word.padEnd(12)} ${help}`)
}
