import { hex } from '../base/bytes.js'
import { removeAccount } from './account-removal.js'
import type { Accounts } from './accounts.js'
import type { Apps } from './apps.js'
import type { Devices } from './devices.js'
import type { DirectoryAnswer, DirectoryAsk } from './directory-message.js'
import type { EnrolmentCodes } from './enrolment-codes.js'
import type { Identities } from './identities.js'
import type { Passkeys } from './passkeys.js'
import type { Sessions } from './sessions.js'

/** How long a code is valid that a person makes for a device of theirs: 15 minutes. */
const CODE_TTL_MS = 900_000

/** Applications of one developer. */
const APPS_PER_OWNER = 100

/** The tables that the directory works on. */
export interface DirectoryTables {
  readonly accounts: Accounts
  readonly apps: Apps
  readonly devices: Devices
  readonly identities: Identities
  readonly passkeys: Passkeys
  readonly codes: EnrolmentCodes
  readonly sessions: Sessions
}

/** Answers a question or makes a change, inside a transaction. */
export function directoryAnswer(tables: DirectoryTables, ask: DirectoryAsk, wallMs: number): DirectoryAnswer {
  switch (ask.kind) {
    case 'sign-in':
    case 'sign-in-as':
    case 'session':
    case 'sessions':
    case 'sign-out':
    case 'session-end':
      return sessionAnswer(tables, ask, wallMs)
    case 'browser':
    case 'browser-remember':
    case 'browser-forget':
    case 'sign-in-known':
      return browserAnswer(tables, ask, wallMs)
    case 'sign-in-passkey':
    case 'passkey':
    case 'passkeys':
    case 'passkey-add':
    case 'passkey-remove':
      return passkeyAnswer(tables, ask, wallMs)
    case 'devices':
    case 'device-remove':
    case 'code-add':
    case 'account-remove':
      return personAnswer(tables, ask, wallMs)
    default:
      return appAnswer(tables, ask, wallMs)
  }
}

/** Whether it changes nothing. */
export function isDirectoryRead(ask: DirectoryAsk): boolean {
  return ['session', 'sessions', 'browser', 'passkey', 'passkeys', 'devices', 'apps', 'app', 'client'].includes(
    ask.kind,
  )
}

/** Whether what waits in the write-behind must be written before: it would name what is gone. */
export function removesDevices(ask: DirectoryAsk): boolean {
  return ask.kind === 'device-remove' || ask.kind === 'account-remove'
}

type PersonAsk = Extract<DirectoryAsk, { kind: 'devices' | 'device-remove' | 'code-add' | 'account-remove' }>

function personAnswer(tables: DirectoryTables, ask: PersonAsk, wallMs: number): DirectoryAnswer {
  const { codes, devices } = tables
  switch (ask.kind) {
    case 'devices':
      return { kind: 'devices', devices: devices.shownOfAccount(ask.account) }
    case 'device-remove': {
      if (!devices.shownOfAccount(ask.account).some(({ deviceId }) => deviceId === ask.deviceId)) return null
      const removed = devices.remove(ask.deviceId)
      return removed === null ? null : { kind: 'device-removed', device: removed.device }
    }
    case 'code-add': {
      codes.expire(wallMs)
      return { kind: 'code', code: codes.add(ask.person, wallMs, CODE_TTL_MS, 'device'), untilMs: wallMs + CODE_TTL_MS }
    }
    case 'account-remove':
      return accountRemoved(tables, ask.account)
  }
}

function accountRemoved(tables: DirectoryTables, account: string): DirectoryAnswer {
  const person = tables.accounts.find(account)
  if (person === null) return null
  const apps = tables.apps.page(person, 0, APPS_PER_OWNER)
  for (const { appId } of apps) tables.apps.remove(`app_${hex(appId)}`)
  const devices = removeAccount(tables, account)?.devices ?? []
  return { kind: 'account-removed', person, devices, apps }
}

type PasskeyAsk = Extract<
  DirectoryAsk,
  { kind: 'sign-in-passkey' | 'passkey' | 'passkeys' | 'passkey-add' | 'passkey-remove' }
>

function passkeyAnswer({ passkeys, sessions }: DirectoryTables, ask: PasskeyAsk, wallMs: number): DirectoryAnswer {
  switch (ask.kind) {
    case 'sign-in-passkey': {
      const found = passkeys.find(ask.credential)
      if (found === null) return null
      passkeys.used(ask.credential, ask.counter)
      return { kind: 'signed-in', ...sessions.add(found.person, ask.label, wallMs) }
    }
    case 'passkey': {
      const found = passkeys.find(ask.credential)
      return found === null ? null : { kind: 'passkeys', passkeys: [found] }
    }
    case 'passkeys':
      return { kind: 'passkeys', passkeys: passkeys.ofPerson(ask.person) }
    case 'passkey-add':
      return passkeys.add({ ...ask.passkey, createdMs: wallMs }) ? { kind: 'done' } : { kind: 'full' }
    case 'passkey-remove':
      return passkeys.remove(ask.person, ask.credential) ? { kind: 'done' } : null
  }
}

type SessionAsk = Extract<
  DirectoryAsk,
  { kind: 'sign-in' | 'sign-in-as' | 'session' | 'sessions' | 'sign-out' | 'session-end' }
>

function sessionAnswer(tables: DirectoryTables, ask: SessionAsk, wallMs: number): DirectoryAnswer {
  const { codes, sessions, accounts, identities } = tables
  switch (ask.kind) {
    case 'sign-in': {
      codes.expire(wallMs)
      const person = codes.forSignIn(ask.code, wallMs)
      if (person === null) return null
      codes.remove(ask.code)
      return { kind: 'signed-in', ...sessions.add(person, ask.label, wallMs) }
    }
    case 'sign-in-as': {
      const { issuer, subject, name, label } = ask
      const known = identities.find(issuer, subject)
      const person = known ?? accounts.add(name, wallMs).person
      if (known === null) identities.add(issuer, subject, person)
      return { kind: 'signed-in', ...sessions.add(person, label, wallMs), isNewPerson: known === null }
    }
    case 'session': {
      const session = sessions.find(ask.token, wallMs)
      return session === null ? null : { kind: 'session', session }
    }
    case 'sessions':
      return {
        kind: 'sessions',
        sessions: sessions.ofPerson(ask.person, wallMs),
        known: sessions.knownOf(ask.person, wallMs),
      }
    case 'sign-out':
      return sessions.remove(ask.person, ask.id) ? { kind: 'done' } : null
    case 'session-end':
      return sessions.end(ask.person, ask.id, wallMs) ? { kind: 'done' } : null
  }
}

type BrowserAsk = Extract<DirectoryAsk, { kind: 'browser' | 'browser-remember' | 'browser-forget' | 'sign-in-known' }>

function browserAnswer({ sessions }: DirectoryTables, ask: BrowserAsk, wallMs: number): DirectoryAnswer {
  switch (ask.kind) {
    case 'browser': {
      const person = sessions.knownTo(ask.known, wallMs)
      return person === null ? null : { kind: 'person', person }
    }
    case 'browser-remember':
      return { kind: 'remembered', known: sessions.remember(ask.person, ask.id, ask.before) }
    case 'browser-forget':
      sessions.forget(ask.known)
      return { kind: 'done' }
    case 'sign-in-known': {
      const person = sessions.knownTo(ask.known, wallMs)
      return person === null ? null : { kind: 'signed-in', ...sessions.add(person, ask.label, wallMs) }
    }
  }
}

function appAnswer(
  { apps }: DirectoryTables,
  ask: Exclude<DirectoryAsk, SessionAsk | BrowserAsk | PersonAsk | PasskeyAsk>,
  wallMs: number,
): DirectoryAnswer {
  if (ask.kind === 'app-add') {
    if (ask.owner !== null && apps.countOf(ask.owner) >= APPS_PER_OWNER) return { kind: 'full' }
    const { owner, details, mode, scopes } = ask
    return { kind: 'app', ...apps.add(details.name, wallMs, { ...details, owner, mode, scopes }) }
  }
  if (ask.kind === 'apps') return { kind: 'apps', apps: apps.page(ask.owner, ask.after, ask.limit) }
  const app = apps.find(ask.appId)
  if (app === null) return null
  if (ask.kind === 'client') return { kind: 'app', app, apiKey: null }
  if (ask.kind === 'domain-verified') {
    apps.setDomainVerified(app.app, ask.domain, wallMs)
    return { kind: 'done' }
  }
  if (ask.owner !== null && app.owner !== ask.owner) return null
  switch (ask.kind) {
    case 'app':
      return { kind: 'app', app, apiKey: null }
    case 'app-change':
      return { kind: 'app', app: apps.change(app, ask.details), apiKey: null }
    case 'app-remove':
      apps.remove(ask.appId)
      return { kind: 'app', app, apiKey: null }
    case 'key-add':
      return { kind: 'app', ...apps.addKey(app.app, wallMs, ask) }
    case 'key-remove':
      return apps.removeKey(app.app, ask.keyId) ? { kind: 'done' } : null
  }
}
