/** `pilotlight app ...`: the applications that may ask for presence and ring. */
import { ADMIN_OPTIONS, callAdmin } from '../admin.js'
import { type Command, command } from '../command.js'
import { columns } from '../terminal.js'
import { dayAndTime } from '../text.js'

interface ShownApp {
  app: string
  name: string
  createdMs: number
  /** live API keys, 1 or 2 */
  apiKeys: number
}

const APP = { name: 'APP', help: 'app_..., see `app list`' }

const add = command({
  name: 'app add',
  summary: 'add an application and print its API key, which is shown only now',
  positionals: [{ name: 'NAME', help: 'what people see when the application rings' }],
  options: ADMIN_OPTIONS,
  async run(place, [name = ''], terminal) {
    const added = (await callAdmin(place, 'app.add', { name }, true)) as ShownApp & { apiKey: string }
    terminal.result(added, [
      `application ${added.app}  ${added.name}`,
      `API key ${added.apiKey}  (shown only now)`,
      `next, on a device: pilotlight device allow ${added.app} --file phone.json`,
    ])
  },
})

const list = command({
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
  options: ADMIN_OPTIONS,
  async run(place, [app = ''], terminal) {
    const rotated = (await callAdmin(place, 'app.rotate', { app })) as ShownApp & { apiKey: string }
    terminal.result(rotated, `API key ${rotated.apiKey}  (shown only now; the last one stays valid)`)
  },
})

/** The commands of this file. */
export const APP_COMMANDS: Command[] = [add, list, remove, rotate]
