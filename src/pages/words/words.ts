/** What pages say, in several languages. */
import { DE } from './de.js'
import { type Catalogue, EN, type WordKey } from './en.js'

/** Languages by their tags (RFC 5646), each with its own name for itself. */
export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const

/** Tag of a language that pages are written in. */
export type Language = keyof typeof LANGUAGES

/** A text; `{name}` in it stands for a value. A template escapes it as it escapes everything. */
export type Translate = (key: WordKey, values?: Readonly<Record<string, string | number>>) => string

const CATALOGUES: Record<Language, Catalogue> = { en: EN, de: DE }

/** Texts of a language. A place that does not exist is our own bug, and shows itself. */
export function translator(language: Language): Translate {
  const words = CATALOGUES[language]
  return (key, values = {}) =>
    (words[key] ?? key).replace(/\{([a-z]+)\}/gi, (whole, name: string) => String(values[name] ?? whole))
}

/** Places of texts that begin so. */
export function wordKeys(begin: string): WordKey[] {
  return Object.keys(EN).filter((key): key is WordKey => key.startsWith(begin))
}

/** Whether there is a text. */
export function isWordKey(key: string): key is WordKey {
  return Object.hasOwn(EN, key)
}

/**
 * The language of a visitor: the one that they chose, else the best of those that their browser asks for (RFC 9110
 * §12.5.4), else English.
 */
export function languageOf(chosen: string, accepted: string | undefined): Language {
  if (isLanguage(chosen)) return chosen
  const asked = (accepted ?? '')
    .slice(0, 500)
    .split(',')
    .map((range, at) => {
      const [tag = '', ...parameters] = range.trim().toLowerCase().split(';')
      const quality = /^\s*q=([01](?:\.[0-9]{0,3})?)\s*$/.exec(parameters[0] ?? '')?.[1]
      return { tag: tag.trim().split('-')[0] ?? '', quality: quality === undefined ? 1 : Number(quality), at }
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality || a.at - b.at)
  for (const { tag } of asked) if (isLanguage(tag)) return tag
  return 'en'
}

/** Whether pages are written in it. */
export function isLanguage(tag: string): tag is Language {
  return Object.hasOwn(LANGUAGES, tag)
}
