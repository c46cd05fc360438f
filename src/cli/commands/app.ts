/** `pilotlight app ...`: the applications that may ask for presence and ring. */
import { ADMIN_OPTIONS, APP, callAdmin } from '../admin.js'
import { type Command, command } from '../command.js'
import { list, onOff, text } from '../option.js'
import { columns, type Terminal } from '../terminal.js'
import { dayAndTime } from '../text.js'

interface ShownApp {
  app: string
  name: string
  createdMs: number
  /** live API keys, 1 or 2 */
  apiKeys: number
}

interface WholeApp {
  app: string
  name: string
  createdMs: number
  redirectUris: string[]
  homePage: string
  domain: string
  /** 0 it is not */
  domainVerifiedMs: number
  hasOwner: boolean
  keys: { key: string; mode: string; scopes: string[]; createdMs: number }[]
}

const DETAIL_OPTIONS = {
  redirectUri: list('URI', 'where people may be sent back to after consent; may be repeated', 'none'),
  homePage: text('URL', 'home page of the application'),
  domain: text('HOST', 'domain that vouches for the application'),
}

const KEY_OPTIONS = {
  test: onOff('a test key: it reaches echo persons only'),
  scope: list('SCOPE', 'presence:read or rings:write; may be repeated', 'as the last key, or both'),
}

/** What was said of an application: what was left out stays. */
function given({ redirectUri, homePage, domain }: { redirectUri: string[]; homePage: string; domain: string }) {
  return {
    ...(redirectUri.length > 0 && { redirectUris: redirectUri }),
    ...(homePage !== '' && { homePage }),
    ...(domain !== '' && { domain }),
  }
}

function printWhole(app: WholeApp, terminal: Terminal): void {
  const verified = app.domainVerifiedMs === 0 ? 'not verified' : `verified ${dayAndTime(app.domainVerifiedMs)}`
  terminal.result(app, [
    `application ${app.app}  ${app.name}`,
    `developer ${app.hasOwner ? 'an account of this server' : 'the operator'}, since ${dayAndTime(app.createdMs)}`,
    `home page ${app.homePage || '-'}`,
    `domain ${app.domain === '' ? '-' : `${app.domain}  (${verified})`}`,
    ...app.redirectUris.map((uri) => `redirect URI ${uri}`),
    ...app.keys.map(
      ({ key, mode, scopes, createdMs }) => `${key}  ${mode}  ${scopes.join(' ')}  ${dayAndTime(createdMs)}`,
    ),
  ])
}

const show = command({
  name: 'app show',
  summary: 'show an application: redirect URIs, domain, API keys',
  positionals: [APP],
  options: ADMIN_OPTIONS,
  async run(place, [app = ''], terminal) {
    printWhole((await callAdmin(place, 'app.show', { app })) as WholeApp, terminal)
  },
})

const change = command({
  name: 'app change',
  summary: 'change what is said of an application; what is left out stays',
  positionals: [APP],
  options: { ...ADMIN_OPTIONS, ...DETAIL_OPTIONS, name: text('NAME', 'what people see') },
  async run({ data, keyFile, name, ...details }, [app = ''], terminal) {
    const params = { app, ...given(details), ...(name !== '' && { name }) }
    printWhole((await callAdmin({ data, keyFile }, 'app.change', params)) as WholeApp, terminal)
  },
})

const add = command({
  name: 'app add',
  summary: 'add an application and print its API key, which is shown only now',
  positionals: [{ name: 'NAME', help: 'what people see when the application rings' }],
  options: { ...ADMIN_OPTIONS, ...DETAIL_OPTIONS, ...KEY_OPTIONS, owner: text('ACCOUNT', 'the developer: acc_...') },
  async run({ data, keyFile, test, scope, owner, ...details }, [name = ''], terminal) {
    const params = { name, owner, ...given(details), mode: test ? 'test' : 'live', scopes: scope }
    const added = (await callAdmin({ data, keyFile }, 'app.add', params, true)) as ShownApp & { apiKey: string }
    terminal.result(added, [
      `application ${added.app}  ${added.name}`,
      `API key ${added.apiKey}  (shown only now)`,
      `next, on a device: pilotlight device allow ${added.app} --file phone.json`,
    ])
  },
})

const listApps = command({
  name: 'app list',
  summary: 'show all applications',
  options: ADMIN_OPTIONS,
  async run(place, _positionals, terminal) {
    const apps = (await callAdmin(place, 'app.list', {})) as ShownApp[]
    const rows = apps.map(({ app, name, apiKeys, createdMs }) => [app, name, `${apiKeys}`, dayAndTime(createdMs)])
    terminal.result(apps, columns([['APP', 'NAME', 'API KEYS', 'SINCE'], ...rows]))
  },
})

const remove = command({
  name: 'app remove',
  summary: 'remove an application and its API keys',
  positionals: [APP],
  options: ADMIN_OPTIONS,
  async run(place, [app = ''], terminal) {
    const removed = (await callAdmin(place, 'app.remove', { app })) as ShownApp
    terminal.result(removed, `removed ${removed.app}  ${removed.name}`)
  },
})

const rotate = command({
  name: 'app rotate',
  summary: 'make a new API key; the last one stays valid until the next rotation',
  positionals: [APP],
  options: { ...ADMIN_OPTIONS, ...KEY_OPTIONS },
  async run({ data, keyFile, test, scope }, [app = ''], terminal) {
    const params = { app, mode: test ? 'test' : 'live', scopes: scope }
    const rotated = (await callAdmin({ data, keyFile }, 'app.rotate', params)) as ShownApp & { apiKey: string }
    terminal.result(rotated, `API key ${rotated.apiKey}  (shown only now; the last one stays valid)`)
  },
})

/** The commands of this file. */
export const APP_COMMANDS: Command[] = [add, listApps, show, change, remove, rotate]
