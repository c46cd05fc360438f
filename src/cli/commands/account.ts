/** `pilotlight account ...`: the persons of this server. */
import { ADMIN_OPTIONS, callAdmin } from '../admin.js'
import { type Command, command } from '../command.js'
import { columns } from '../terminal.js'
import { dayAndTime } from '../text.js'

interface ShownAccount {
  account: string
  name: string
  createdMs: number
  devices: number
}

interface NewCode {
  account: string
  code: string
  codeUntilMs: number
}

const add = command({
  name: 'account add',
  summary: 'add a person and print a one-time code: it enrols their first device, or signs them in',
  positionals: [{ name: 'NAME', help: 'what you call the person; shown to operators only' }],
  options: ADMIN_OPTIONS,
  async run(place, [name = ''], terminal) {
    const added = (await callAdmin(place, 'account.add', { name }, true)) as ShownAccount & NewCode
    terminal.result(added, [`account ${added.account}  ${added.name}`, ...codeLines(added)])
  },
})

const list = command({
  name: 'account list',
  summary: 'show all persons',
  options: ADMIN_OPTIONS,
  async run(place, _positionals, terminal) {
    const accounts = (await callAdmin(place, 'account.list', {})) as ShownAccount[]
    const rows = accounts.map(({ account, name, devices, createdMs }) => [
      account,
      name,
      `${devices}`,
      dayAndTime(createdMs),
    ])
    terminal.result(accounts, columns([['ACCOUNT', 'NAME', 'DEVICES', 'SINCE'], ...rows]))
  },
})

const remove = command({
  name: 'account remove',
  summary: 'remove a person, their devices and their list; sessions end at once',
  positionals: [{ name: 'ACCOUNT', help: 'acc_..., see `account list`' }],
  options: ADMIN_OPTIONS,
  async run(place, [account = ''], terminal) {
    const removed = (await callAdmin(place, 'account.remove', { account })) as { account: string; devices: number }
    terminal.result(removed, `removed ${removed.account} and ${removed.devices} of its devices`)
  },
})

const code = command({
  name: 'account code',
  summary: 'print a one-time code: it enrols one more device of a person, or signs them in',
  positionals: [{ name: 'ACCOUNT', help: 'acc_..., see `account list`' }],
  options: ADMIN_OPTIONS,
  async run(place, [account = ''], terminal) {
    const made = (await callAdmin(place, 'account.code', { account })) as NewCode
    terminal.result(made, codeLines(made))
  },
})

function codeLines({ code, codeUntilMs }: NewCode): string[] {
  return [
    `one-time code ${code}  (until ${dayAndTime(codeUntilMs)})`,
    `next: pilotlight device enrol --code ${code} --name phone --file phone.json`,
    'or:   type it on the sign-in page',
  ]
}

/** The commands of this file. */
export const ACCOUNT_COMMANDS: Command[] = [add, list, remove, code]
