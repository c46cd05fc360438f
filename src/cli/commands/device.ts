/** `pilotlight device ...`: what the owner of a device does, and the operator's list of devices. */
import { resolve } from 'node:path'
import { type NetworkKind, UNKNOWN_NETWORK } from '../../client/learning/network.js'
import { saveCredentials } from '../../client/node/credentials-file.js'
import { enrol as enrolDevice } from '../../client/node/enrol.js'
import { ADMIN_OPTIONS, callAdmin } from '../admin.js'
import { type CliError, cliError, usageError } from '../cli-error.js'
import { type Command, command } from '../command.js'
import { onOff, text, wholeNumber } from '../option.js'
import { connectPhone, openServedPhone, Subscribers } from '../phone/daemon.js'
import { claimDeviceFile, loadDeviceFile, socketFile } from '../phone/device-file.js'
import { appDigits } from '../phone/phone.js'
import type { PhoneEvent } from '../phone/phone-event.js'
import { runPhone } from '../phone/run-phone.js'
import { wordsHelp } from '../phone/words.js'
import { columns } from '../terminal.js'
import { dayAndTime } from '../text.js'

/** How long `device allow` waits for the server. */
const ALLOW_MS = 30_000
const SILENCE_MAX_S = 1800
const DAY_S = 86_400

const FILE = text('FILE', 'file of the device, as `device enrol` wrote it; must be given')
const SOCKET = text(
  'FILE',
  'one more unix socket for other programs of this machine, beside the FILE.sock that is always there',
)

const enrol = command({
  name: 'device enrol',
  summary: 'enrol this machine as a device with a one-time code',
  details: 'The file holds secret keys: it is made with mode 0600. Beside it, FILE.state is written by `device run`.',
  options: {
    url: text('URL', "the server's HTTP(S); plain http on loopback only", 'http://127.0.0.1:7351'),
    code: text('CODE', 'enrolment code, as `account add` or `account code` printed it; must be given'),
    name: text('NAME', 'what the person calls this device', 'terminal phone'),
    file: text('FILE', 'file to write; must be given'),
  },
  async run({ url, code, name, file }, _positionals, terminal) {
    if (code === '' || file === '') throw missing(code === '' ? 'code' : 'file', 'device enrol')
    const release = claimDeviceFile(file) // before the code is used up
    try {
      const credentials = await enrolDevice({ url, code, name })
      await saveCredentials(file, credentials)
      const { deviceId, endpoints } = credentials
      terminal.result({ deviceId, endpoints, file: resolve(file) }, [
        `enrolled as ${deviceId}, channel at ${endpoints.join(', ')}`,
        `next: pilotlight device run --file ${file}`,
      ])
    } catch (error) {
      release()
      throw error
    }
  },
})

const run = command({
  name: 'device run',
  summary: 'be a device: present, and rung',
  details: [
    'On a terminal single keys, else the same as words, one line each on stdin; its end ends the device:',
    ...wordsHelp(),
    '',
    'With --json each event is one JSON object. Other programs of this machine share the channel through the socket FILE.sock:',
    'a line {"id": 1, "method": "subscribe"} brings every event; methods state, choice, accept, dismiss, apps, allow, deny,',
    'forget, revoke, rotate, missed, network, confirm and status do what the words do, e.g. {"id": 2, "method": "allow", "params": {"app": "app_..."}}.',
  ].join('\n'),
  options: {
    file: FILE,
    keepalive: wholeNumber(
      'S',
      'seconds between pings at most; 0: learnt for each network',
      { from: 0, to: SILENCE_MAX_S },
      0,
    ),
    network: text('ID', 'what names this network, e.g. its SSID; without it nothing is remembered of it', ''),
    networkKind: text('KIND', 'wifi, cellular or unknown', 'unknown'),
    awayAfter: wholeNumber('S', 'idle seconds until away, 0 never', { from: 0, to: DAY_S }, 300),
    offlineAfter: wholeNumber('S', 'idle seconds until offline, 0 never', { from: 0, to: DAY_S }, 0),
    qlog: text('DIR', 'for researchers: write a qlog of everything on the channel there, see docs/qlog.md'),
    keylog: text('FILE', 'for researchers: append the keys of the channel; who has them reads all that is sent'),
    daemon: onOff('no terminal: only the socket'),
    socket: SOCKET,
    onRing: text(
      'CMD',
      'shell command for each ring; the ring is JSON on its stdin, and in PILOTLIGHT_RING_* variables',
    ),
  },
  async run(options, _positionals, { json }) {
    const { file, keepalive, network, networkKind, awayAfter, offlineAfter, daemon, socket, onRing } = options
    const { qlog, keylog } = options
    if (file === '') throw missing('file', 'device run')
    await runPhone({
      file,
      keepaliveS: keepalive === 0 ? null : keepalive,
      network: { id: network === '' ? null : network, kind: networkKindOf(networkKind) },
      awayAfterS: awayAfter,
      offlineAfterS: offlineAfter,
      qlog: qlog === '' ? null : resolve(qlog),
      keyLog: keylog === '' ? null : resolve(keylog),
      daemon,
      socket,
      onRing,
      json,
    })
  },
})

const allow = command({
  name: 'device allow',
  summary: 'let an application see and ring the person of this device; prints the pseudonym (PUID)',
  details: 'Speaks with the running device through its socket if there is one, else connects for a moment by itself.',
  positionals: [{ name: 'APP', help: 'app_..., as its operator gave it to you' }],
  options: { file: FILE, socket: SOCKET },
  async run({ file, socket }, [app = ''], terminal) {
    if (file === '') throw missing('file', 'device allow')
    const digits = appDigits(app)
    await loadDeviceFile(file)
    const running = (socket === '' ? null : await connectPhone(socket)) ?? (await connectPhone(socketFile(file)))
    const allowed = running === null ? allowAlone(file, digits) : running.call('allow', { app: digits })
    try {
      const result = (await inTime(allowed)) as { app: string; puid: string }
      terminal.result(result, `${result.app} knows you as ${result.puid}`)
    } finally {
      running?.close()
    }
  },
})

function networkKindOf(word: string): NetworkKind {
  if (word === 'wifi' || word === 'cellular' || word === 'unknown') return word
  throw usageError(`--network-kind is ${word}`, 'It must be wifi, cellular or unknown.')
}

async function allowAlone(file: string, app: string): Promise<unknown> {
  const network = UNKNOWN_NETWORK
  const options = {
    file,
    socket: '',
    keepaliveS: null,
    network,
    awayAfterS: null,
    offlineAfterS: null,
    qlog: null,
    keyLog: null,
  }
  const tell = (event: PhoneEvent) => {
    if (event.event === 'list-key-wanted') process.stderr.write(`confirm ${event['code']} on another device of yours\n`)
  }
  const { phone, close } = await openServedPhone(options, new Subscribers(), tell)
  try {
    return await inTime(phone.methods()['allow']?.({ app }) ?? Promise.reject(new Error('no such method')))
  } finally {
    await close()
  }
}

function missing(flag: string, name: string): CliError {
  return usageError(`--${flag} is missing`, `See pilotlight ${name} --help.`)
}

/** @throws CliError PL_TIMEOUT. */
async function inTime<Value>(promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(cliError('PL_TIMEOUT', `the server did not confirm within ${ALLOW_MS / 1000} s`)),
      ALLOW_MS,
    )
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

interface ShownDevice {
  device: string
  account: string
  name: string
  createdMs: number
  hasSession: boolean
}

const list = command({
  name: 'device list',
  summary: 'show the devices of this server',
  options: { ...ADMIN_OPTIONS, account: text('ACCOUNT', 'only those of one person') },
  async run({ account, ...place }, _positionals, terminal) {
    const devices = (await callAdmin(place, 'device.list', account === '' ? {} : { account })) as ShownDevice[]
    const rows = devices.map((one) => [
      one.device,
      one.account,
      one.name,
      one.hasSession ? 'yes' : 'no',
      dayAndTime(one.createdMs),
    ])
    terminal.result(devices, columns([['DEVICE', 'ACCOUNT', 'NAME', 'SESSION', 'SINCE'], ...rows]))
  },
})

const remove = command({
  name: 'device remove',
  summary: 'remove a device; its session ends at once',
  positionals: [{ name: 'DEVICE', help: 'dev_..., see `device list`' }],
  options: ADMIN_OPTIONS,
  async run(place, [device = ''], terminal) {
    const removed = (await callAdmin(place, 'device.remove', { device })) as ShownDevice
    terminal.result(removed, `removed ${removed.device}  ${removed.name}`)
  },
})

/** The commands of this file. */
export const DEVICE_COMMANDS: Command[] = [enrol, run, allow, list, remove]
