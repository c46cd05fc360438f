import type { Apps } from './apps.js'
import type { DirectoryAnswer, DirectoryAsk } from './directory-message.js'
import type { EnrolmentCodes } from './enrolment-codes.js'
import type { Sessions } from './sessions.js'

/** Applications of one developer. */
const APPS_PER_OWNER = 100

/** The tables that the directory works on. */
export interface DirectoryTables {
  readonly apps: Apps
  readonly codes: EnrolmentCodes
  readonly sessions: Sessions
}

/** Answers a question or makes a change, inside a transaction. */
export function directoryAnswer(tables: DirectoryTables, ask: DirectoryAsk, wallMs: number): DirectoryAnswer {
  switch (ask.kind) {
    case 'sign-in':
    case 'session':
    case 'sessions':
    case 'sign-out':
    case 'device-code':
      return sessionAnswer(tables, ask, wallMs)
    default:
      return appAnswer(tables, ask, wallMs)
  }
}

/** Whether it changes nothing. */
export function isDirectoryRead(ask: DirectoryAsk): boolean {
  return ['session', 'sessions', 'apps', 'app', 'client'].includes(ask.kind)
}

type SessionAsk = Extract<DirectoryAsk, { kind: 'sign-in' | 'session' | 'sessions' | 'sign-out' | 'device-code' }>

function sessionAnswer({ codes, sessions }: DirectoryTables, ask: SessionAsk, wallMs: number): DirectoryAnswer {
  switch (ask.kind) {
    case 'sign-in': {
      codes.expire(wallMs)
      const person = codes.find(ask.code, wallMs)
      if (person === null) return null
      codes.remove(ask.code)
      return { kind: 'signed-in', ...sessions.add(person, ask.label, wallMs) }
    }
    case 'session': {
      const session = sessions.find(ask.token, wallMs)
      return session === null ? null : { kind: 'session', session }
    }
    case 'sessions':
      return { kind: 'sessions', sessions: sessions.ofPerson(ask.person, wallMs) }
    case 'sign-out':
      return sessions.remove(ask.person, ask.id) ? { kind: 'done' } : null
    case 'device-code':
      codes.expire(wallMs)
      return { kind: 'code', code: codes.add(ask.person, wallMs, ask.ttlMs) }
  }
}

function appAnswer({ apps }: DirectoryTables, ask: Exclude<DirectoryAsk, SessionAsk>, wallMs: number): DirectoryAnswer {
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
