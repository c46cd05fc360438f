/** `npm run demo`: the main job with real processes, sockets, crypto and database, told as it happens. */
import { parseArgs } from 'node:util'
import { asCliError, usageError } from '../cli-error.js'
import { errorLine } from '../terminal.js'
import { killAll } from './child.js'
import { leastBytes, tables } from './counts.js'
import { crash } from './crash.js'
import { Stage } from './stage.js'
import { stay, stayLines } from './stay.js'
import { type Cast, enrol, grants, handshakes, presence, rings } from './story.js'
import { streamTimeline } from './timeline.js'

const HELP = `npm run demo [-- --once | --stay] [-- --json]

Starts a server, two devices of Ada, one of Ben, and an AppService, and shows what happens. Takes about half a minute.
In a terminal the server stays afterwards: your browser can be a device of Ada's, and be rung.

  --once  end after the story (the default where no terminal reads)
  --stay  stay until Ctrl-C (the default in a terminal)
  --json  print one JSON object at the end on stdout, and the timeline on stderr; with --stay another one with the links
  --help  show this`

/** What `--json` prints. */
async function play(stage: Stage): Promise<{ result: object; cast: Cast }> {
  const app = await enrol(stage)
  await handshakes(stage)
  const cast = await grants(stage, app)
  await presence(stage, cast)
  await rings(stage, cast)
  await crash(stage, cast)
  const counts = await stage.counts()
  stage.timeline.lines(['', ...tables(counts, stage.costs)])
  const result = {
    ok: true,
    pingBytes: leastBytes(counts, 'out'),
    pongBytes: leastBytes(counts, 'in'),
    handshakeBytes: stage.phones[0]?.handshakeBytes,
    handshakesAfterRestart: stage.handshakesAfterRestart,
    pingsAcceptedAfterRestart: stage.pingsAcceptedAfterRestart,
    rings: stage.rings,
    presence: stage.service
      .changesOf(cast.ada)
      .map(({ state, cause, version, since, asOf, message }) => ({ state, cause, version, message, since, asOf })),
  }
  return { result, cast }
}

/** What must have come out, beside that every step happened. */
function check(result: object): void {
  const { handshakesAfterRestart, presence } = result as {
    handshakesAfterRestart: number
    presence: { state: string; cause: string }[]
  }
  if (handshakesAfterRestart !== 0) throw new Error(`${handshakesAfterRestart} handshakes after the restart`)
  const states = presence.map(({ state }) => state).join(' ')
  if (states !== 'online away offline online online') throw new Error(`the AppService was told: ${states}`)
  if (presence.at(-1)?.cause !== 'restart') throw new Error('the last change does not name the restart')
}

async function main(): Promise<void> {
  const { json, help, once, stay: stays } = options()
  if (help) return void process.stdout.write(`${HELP}\n`)
  const stage = new Stage(streamTimeline(json ? process.stderr : process.stdout))
  const interrupted = () => {
    killAll()
    void stage.clear().finally(() => process.exit(130))
  }
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    const { result, cast } = await play(stage)
    check(result)
    if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
    else stage.timeline.lines(['', 'Everything happened as it should.'])
    const isRead = process.stdin.isTTY === true && process.stdout.isTTY === true
    if (stays || (isRead && !once && !json)) await remain(stage, cast, json)
  } catch (error) {
    const shown = asCliError(error)
    if (json)
      process.stdout.write(`${JSON.stringify({ ok: false, error: { code: shown.code, message: shown.message } })}\n`)
    else process.stderr.write(`${errorLine(shown, false)}\n`)
    process.exitCode = 1
  } finally {
    await stage.clear()
  }
}

/** Until Ctrl-C, which ends the process. */
async function remain(stage: Stage, cast: Cast, json: boolean): Promise<void> {
  const links = await stay(stage, cast)
  if (json) process.stdout.write(`${JSON.stringify(links)}\n`)
  else stage.timeline.lines(stayLines(links))
  await new Promise(() => {})
}

function options(): { json: boolean; help: boolean; once: boolean; stay: boolean } {
  try {
    const flag = { type: 'boolean', default: false } as const
    return parseArgs({ options: { once: flag, stay: flag, json: flag, help: flag } }).values
  } catch (error) {
    throw usageError((error as Error).message)
  }
}

try {
  await main()
} catch (error) {
  const shown = asCliError(error)
  process.stderr.write(`${errorLine(shown, false)}\n`)
  process.exitCode = shown.exitCode
}
