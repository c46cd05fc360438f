/** What signed-in persons and developers ask of the store; plain records that cross threads. */
import type { DeviceHandle } from '../endpoint/message.js'
import type { AppKey, PersonKey } from '../hub/message.js'
import type { AppDetails, AppRow, KeyMode, Owner, Scope } from './app-row.js'
import type { PasskeyRow } from './passkeys.js'

/** One person who is signed in somewhere. Times are Unix ms. */
export interface SessionRow {
  /** ses_... */
  id: string
  person: PersonKey
  /** acc_... */
  account: string
  label: string
  createdMs: number
  expiresMs: number
}

/** A device as its person sees it. Times are Unix ms. */
export interface OwnDevice {
  /** dev_... */
  deviceId: string
  device: DeviceHandle
  name: string
  createdMs: number
}

/** Questions and changes, each one transaction. `appId` is `app_` and 16 hex digits. */
export type DirectoryAsk =
  | { kind: 'sign-in'; code: string; label: string }
  /** by an identity that a provider vouches for; a person who is new gets an account with this name */
  | { kind: 'sign-in-as'; issuer: string; subject: string; name: string; label: string }
  /** by a passkey whose signature was found right; `counter` is what it says now */
  | { kind: 'sign-in-passkey'; credential: string; counter: number; label: string }
  | { kind: 'passkey'; credential: string }
  | { kind: 'passkeys'; person: PersonKey }
  | { kind: 'passkey-add'; passkey: PasskeyRow }
  | { kind: 'passkey-remove'; person: PersonKey; credential: string }
  | { kind: 'session'; token: string }
  | { kind: 'sessions'; person: PersonKey }
  /** forgets the browser too */
  | { kind: 'sign-out'; person: PersonKey; id: string }
  /** the session is over, and its browser stays known */
  | { kind: 'session-end'; person: PersonKey; id: string }
  /** makes the browser of a session known; `before` is what it kept until now, '' nothing */
  | { kind: 'browser-remember'; person: PersonKey; id: string; before: string }
  | { kind: 'browser-forget'; known: string }
  /** whom a browser may ask, by what it kept */
  | { kind: 'browser'; known: string }
  /** a device of the person agreed that this browser, which is known to them, signs in */
  | { kind: 'sign-in-known'; known: string; label: string }
  /** a person's devices, and the removal of a lost one */
  | { kind: 'devices'; account: string }
  | { kind: 'device-remove'; account: string; deviceId: string }
  /** a one-time code for one more device of the person; it signs nobody in */
  | { kind: 'code-add'; person: PersonKey }
  /** the person, with their devices, list, sessions, codes and applications */
  | { kind: 'account-remove'; account: string }
  | { kind: 'app-add'; owner: Owner; details: AppDetails; mode: KeyMode; scopes: Scope[] }
  /** those after a number, in the order of their numbers */
  | { kind: 'apps'; owner: Owner; after: AppKey; limit: number }
  | { kind: 'app'; owner: Owner; appId: string }
  /** for anybody: whose consent is asked for */
  | { kind: 'client'; appId: string }
  | { kind: 'app-change'; owner: Owner; appId: string; details: Partial<AppDetails> }
  | { kind: 'app-remove'; owner: Owner; appId: string }
  | { kind: 'key-add'; owner: Owner; appId: string; mode: KeyMode; scopes: Scope[] | null }
  | { kind: 'key-remove'; owner: Owner; appId: string; keyId: string }
  /** the domain was found to name the application */
  | { kind: 'domain-verified'; appId: string; domain: string }

/** null: there is no such thing, or it is not the asker's. */
export type DirectoryAnswer =
  | { kind: 'signed-in'; token: string; session: SessionRow; isNewPerson?: boolean }
  | { kind: 'session'; session: SessionRow }
  | { kind: 'sessions'; sessions: SessionRow[] /** browsers that are known and not signed in */; known: SessionRow[] }
  | { kind: 'remembered'; known: string }
  | { kind: 'person'; person: PersonKey }
  | { kind: 'app'; app: AppRow; apiKey: string | null }
  | { kind: 'apps'; apps: AppRow[] }
  | { kind: 'devices'; devices: OwnDevice[] }
  | { kind: 'device-removed'; device: DeviceHandle }
  | { kind: 'code'; code: string; untilMs: number }
  | { kind: 'account-removed'; person: PersonKey; devices: DeviceHandle[]; apps: AppRow[] }
  | { kind: 'passkeys'; passkeys: PasskeyRow[] }
  | { kind: 'done' }
  | { kind: 'full' }
  | null
