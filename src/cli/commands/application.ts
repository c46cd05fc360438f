/** `pilotlight ring` and `presence`: what an AppService does, over the same HTTP. */
import type { AppService } from '../../appservice/app-service.js'
import type { Presence } from '../../appservice/json.js'
import { APP_OPTIONS, appServiceFor } from '../app-service.js'
import { usageError } from '../cli-error.js'
import { type Command, command } from '../command.js'
import { onOff, text, wholeNumber } from '../option.js'
import type { Terminal } from '../terminal.js'
import { timeOfDay } from '../text.js'

const ring = command({
  name: 'ring',
  summary: 'ring a person, or a pool: the first to accept stops the others',
  positionals: [{ name: 'PUID', help: 'pseudonym of the person; several with commas make a pool' }],
  options: {
    ...APP_OPTIONS,
    title: text('TEXT', 'what the person sees first; must be given'),
    body: text('TEXT', 'more of it'),
    actionUrl: text('URL', 'where an accepted ring leads'),
    seconds: wholeNumber('S', 'deadline from now, 5 to 600', { from: 5, to: 600 }, 30),
    wait: onOff('wait for the outcome'),
  },
  async run(values, [puids = ''], terminal) {
    if (values.title === '') throw usageError('--title is missing', 'See pilotlight ring --help.')
    const { title, body, actionUrl, seconds } = values
    const sent = await appServiceFor(values.url, values.apiKey).ring({
      to: puids.split(','),
      title,
      deadlineSeconds: seconds,
      ...(body === '' ? {} : { body }),
      ...(actionUrl === '' ? {} : { url: actionUrl }),
    })
    const state = values.wait ? await sent.outcome() : sent.state
    terminal.result(state, `ring ${state.id}  ${state.state}${state.reason === null ? '' : ` (${state.reason})`}`)
  },
})

const presence = command({
  name: 'presence',
  summary: 'show how a person is, as your application may see it',
  positionals: [{ name: 'PUID', help: 'pseudonym of the person' }],
  options: { ...APP_OPTIONS, watch: onOff('go on, and print each change until Ctrl-C') },
  async run({ url, apiKey, watch }, [puid = ''], terminal) {
    const service = appServiceFor(url, apiKey)
    printPresence(await service.presence(puid), terminal)
    if (watch) await watchPresence(service, puid, terminal)
  },
})

async function watchPresence(service: AppService, puid: string, terminal: Terminal): Promise<void> {
  const ended = new AbortController()
  process.once('SIGINT', () => ended.abort())
  process.once('SIGTERM', () => ended.abort())
  for await (const event of service.stream({ puids: [puid], signal: ended.signal })) {
    if (event.type === 'presence') printPresence(event.person, terminal)
    if (event.type === 'restarted') terminal.note('the server restarted: unknown until the person is heard')
  }
}

function printPresence(view: Presence, terminal: Terminal): void {
  const message = view.message === '' ? '' : `  "${view.message}"`
  const at = timeOfDay(Date.parse(view.since))
  terminal.result(view, `${view.state}${message}  since ${at}  (${view.cause}, version ${view.version})`)
}

/** The commands of this file. */
export const APPLICATION_COMMANDS: Command[] = [ring, presence]
