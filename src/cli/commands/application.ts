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
    const view = await service.presence(puid)
    printPresence(view, terminal)
    if (watch) await watchPresence(service, view, terminal)
  },
})

/** Until the process is told to end: nothing waits to be closed, and an open stream would hold it. */
async function watchPresence(service: AppService, printed: Presence, terminal: Terminal): Promise<void> {
  let last = printed
  let bootedMs = Date.parse(printed.asOf)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))
  for await (const event of service.stream({ puids: [printed.puid] })) {
    // A snapshot tells what changed before the stream began, or while it was lost.
    const persons = event.type === 'presence' ? [event.person] : event.type === 'snapshot' ? event.persons : []
    for (const person of persons) {
      if (!('state' in person) || person.version <= last.version) continue
      last = person
      printPresence(person, terminal)
    }
    // A young server begins every stream with it.
    if (event.type !== 'restarted' || Date.parse(event.bootedAt) <= bootedMs) continue
    bootedMs = Date.parse(event.bootedAt)
    terminal.note('the server restarted: unknown until the person is heard')
  }
}

function printPresence(view: Presence, terminal: Terminal): void {
  const message = view.message === '' ? '' : `  "${view.message}"`
  const at = timeOfDay(Date.parse(view.since))
  terminal.result(view, `${view.state}${message}  since ${at}  (${view.cause}, version ${view.version})`)
}

/** The commands of this file. */
export const APPLICATION_COMMANDS: Command[] = [ring, presence]
