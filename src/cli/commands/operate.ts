/** `pilotlight backup`, `restore`, `keys ...`: what an operator does to the server's files. */
import { resolve } from 'node:path'
import { ServerError } from '../../io/server-error.js'
import { ADMIN_OPTIONS, callAdmin, connectServer, keyFileOf } from '../admin.js'
import { type Command, command } from '../command.js'
import { onOff } from '../option.js'
import type { Terminal } from '../terminal.js'

const backup = command({
  name: 'backup',
  summary: 'write database and keys into one file, also while the server runs',
  details: 'The file holds every secret of the server: keep it as you keep those.',
  positionals: [{ name: 'FILE', help: 'a file that does not exist yet' }],
  options: ADMIN_OPTIONS,
  async run(place, [file = ''], terminal) {
    const made = (await callAdmin(place, 'backup', { file: resolve(file) })) as { file: string; bytes: number }
    terminal.result(made, `wrote ${made.file}, ${made.bytes} bytes`)
  },
})

const restore = command({
  name: 'restore',
  summary: 'make the folder from a backup; the server must not run',
  positionals: [{ name: 'FILE', help: 'a file that `pilotlight backup` made' }],
  options: { ...ADMIN_OPTIONS, force: onOff('replace what is in the folder') },
  async run({ force, ...place }, [file = ''], terminal) {
    const { data } = place
    const folder = resolve(data)
    const running = await connectServer(folder)
    running?.close()
    if (running !== null) throw new ServerError('PL_SERVER_RUNNING', folder)
    const { restore: restoreStore } = await import('../../store/restore.js')
    await restoreStore({ file: resolve(file), folder, keyFile: keyFileOf(place), force })
    terminal.result({ folder }, `restored ${folder}; next: pilotlight serve --data ${data}`)
  },
})

interface ShownKeys {
  version: number
  publicKeys: string[]
}

const show = command({
  name: 'keys show',
  summary: "show the server's public keys, the current one first",
  options: ADMIN_OPTIONS,
  async run(place, _positionals, terminal) {
    printKeys((await callAdmin(place, 'keys.show', {})) as ShownKeys, terminal)
  },
})

const rotate = command({
  name: 'keys rotate',
  summary: 'make a new server key; devices learn it in the channel, the old one is accepted for 60 days',
  details: [
    'A running server uses and tells the new key from its next start on: restart it.',
    'Only one old key is kept: rotate again when the devices have learnt this one.',
  ].join('\n'),
  options: ADMIN_OPTIONS,
  async run(place, _positionals, terminal) {
    printKeys((await callAdmin(place, 'keys.rotate', {})) as ShownKeys, terminal)
  },
})

function printKeys(keys: ShownKeys, terminal: Terminal): void {
  const lines = keys.publicKeys.map((key, index) => `${index === 0 ? 'current' : 'last   '} ${key}`)
  terminal.result(keys, [`key file version ${keys.version}`, ...lines])
}

/** The commands of this file. */
export const OPERATE_COMMANDS: Command[] = [backup, restore, show, rotate]
