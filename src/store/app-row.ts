/** The words of applications and their API keys. */
import type { AppKey, PersonKey } from '../hub/message.js'

/** What an API key may do. */
export const SCOPES = ['presence:read', 'rings:write'] as const
export type Scope = (typeof SCOPES)[number]

/** Live keys reach persons; test keys reach the echo persons of their application only. */
export type KeyMode = 'live' | 'test'

/** What is said of an application. */
export interface AppDetails {
  /** 1 to 120 characters */
  name: string
  /** matched exactly; see `redirect-uri.ts` */
  redirectUris: string[]
  /** URL, or '' */
  homePage: string
  /** host name, or ''; see `docs/consent.md` */
  domain: string
}

/** Whose applications: a developer's own, or all (null) for the operator. */
export type Owner = PersonKey | null

/** What a new key may do. */
export interface NewKey {
  mode: KeyMode
  /** null: as the newest key of its mode, or all */
  scopes: readonly Scope[] | null
}

/** What a new application has beside its name. */
export interface NewApp extends Partial<Omit<AppDetails, 'name'> & NewKey> {
  /** the developer; default: the operator */
  owner?: Owner
}

/** An application as it is stored. */
export interface AppRow {
  app: AppKey
  /** 8 random bytes; shown as app_<16 hex> */
  appId: Uint8Array
  name: string
  createdMs: number
  /** the developer whose it is, or null for the operator; not who uses it */
  owner: PersonKey | null
  redirectUris: string[]
  /** URL, or '' */
  homePage: string
  /** host name, or '' */
  domain: string
  /** when the domain was found to name it, Unix ms; 0 it was not */
  domainVerifiedMs: number
  /** live API keys, at most two of each mode, the newest first */
  keys: ApiKeyRow[]
}

/** An API key as it is stored. */
export interface ApiKeyRow {
  /** text id, e.g. key_3f9c... */
  keyId: string
  mode: KeyMode
  scopes: Scope[]
  /** SHA-256 of its text */
  hash: Uint8Array
  createdMs: number
}
