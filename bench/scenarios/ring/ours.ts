/** Rings of applications to devices of ours, and their outcomes: over HTTP, the channel, and the applications' streams. */
import { Agent, type ClientRequest, request } from 'node:http'
import { AppService } from '../../../src/appservice/index.js'
import { visibleApps } from '../../ours/list.js'
import type { Stage } from '../../ours/stage.js'
import { puidWriter } from '../../ours/store-writer.js'
import { type CallFacts, type CallPlan, ScheduledCalls } from '../../peers/call-load.js'
import { BODY_BYTES } from '../../peers/speech/body.js'

/** Connections of the applications for requests, as many as are under way at once, unless told otherwise. */
const SOCKETS = 128
const DEADLINE_S = 30
const ENDS: ReadonlySet<string> = new Set(['accepted', 'dismissed', 'missed', 'withdrawn', 'failed'])
const LINK = 'https://example.net/ring'
/** All applications listen after, ms; then the run fails. */
const LISTEN_MS = 30_000

/** The applications of a staged server. Each has a stream open; rings take turns over applications and persons. */
export class RingingApps {
  readonly #stage: Stage
  readonly #agent: Agent
  readonly #underWay = new Set<ClientRequest>()
  readonly #puids: ((account: number) => string)[]
  readonly #end = new AbortController()
  /** rings that were answered to their sender and have not ended, and those that ended before their sender knew of them */
  readonly #tokens = new Map<string, string>()
  readonly #early = new Map<string, number>()
  #onAnswer: (token: string, atMs?: number) => void = () => {}
  #isCancelled = false
  /** requests that were refused, by status */
  readonly refused: Record<string, number> = {}

  constructor(stage: Stage, sockets = SOCKETS) {
    this.#stage = stage
    this.#agent = new Agent({ keepAlive: true, maxSockets: sockets })
    this.#puids = stage.facts.apps.map((_, app) => puidWriter(stage.crypto, stage.facts, app))
  }

  /**
   * Settles when every application's stream has told that it listens.
   *
   * @param onPresence told of each change of presence that an application is told.
   * @throws Error if one does not.
   */
  async listen(onPresence: () => void = () => {}): Promise<void> {
    const { facts, server } = this.#stage
    const opened = facts.apps.map(({ apiKey }) => {
      const service = new AppService({ url: server.url, apiKey })
      return new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('a stream did not open')), LISTEN_MS)
        const read = async () => {
          for await (const event of service.stream({ signal: this.#end.signal })) {
            clearTimeout(timer)
            resolve()
            if (event.type === 'presence') onPresence()
            if (event.type === 'ring' && ENDS.has(event.ring.state)) this.#ended(event.ring.id, event.ring.state)
          }
        }
        read().catch(reject)
      })
    })
    await Promise.all(opened)
  }

  /**
   * Rings at a rate. A ring counts as answered when its sender was told that the device accepted it.
   *
   * @param accounts persons 0 to this - 1 take turns.
   */
  async run(plan: CallPlan, accounts = this.#stage.facts.accounts): Promise<CallFacts> {
    this.#isCancelled = false
    const calls = new ScheduledCalls(plan, accounts, (account, token) => this.#ring(account - 1, token))
    return await calls.run((onAnswer) => {
      this.#onAnswer = onAnswer
    })
  }

  /** Sends nothing more, and gives up the requests that wait for their answer. */
  cancel(): void {
    this.#isCancelled = true
    for (const sent of this.#underWay) sent.destroy()
  }

  close(): void {
    this.#end.abort()
    this.#agent.destroy()
  }

  #ring(account: number, token: string): void {
    if (this.#isCancelled) return
    const { facts, server } = this.#stage
    const visible = visibleApps(account, facts.apps.length)
    const app = visible[this.#turn(account, visible.length)]!
    const title = token
    const body = 'x'.repeat(BODY_BYTES - title.length - LINK.length)
    const text = JSON.stringify({ to: this.#puids[app]!(account), title, body, url: LINK, deadlineSeconds: DEADLINE_S })
    const headers = {
      authorization: `Bearer ${facts.apps[app]!.apiKey}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'idempotency-key': token,
    }
    const sent = request(`${server.url}/v1/rings`, { method: 'POST', agent: this.#agent, headers }, (response) => {
      let answer = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk
      })
      response.on('end', () => this.#sent(token, response.statusCode ?? 0, answer))
    })
    this.#underWay.add(sent)
    sent.on('close', () => this.#underWay.delete(sent))
    sent.on('error', (error) => this.#refuse((error as NodeJS.ErrnoException).code ?? 'error'))
    sent.end(text)
  }

  readonly #turns = new Map<number, number>()

  #turn(account: number, count: number): number {
    const turn = this.#turns.get(account) ?? 0
    this.#turns.set(account, turn + 1)
    return turn % count
  }

  #sent(token: string, status: number, answer: string): void {
    if (status !== 201) {
      this.#refuse(String(status))
      return
    }
    const { id } = JSON.parse(answer) as { id: string }
    const endedMs = this.#early.get(id)
    this.#early.delete(id)
    if (endedMs === undefined) this.#tokens.set(id, token)
    else this.#onAnswer(token, endedMs)
  }

  #ended(id: string, state: string): void {
    const token = this.#tokens.get(id)
    this.#tokens.delete(id)
    if (state !== 'accepted') this.#refuse(state)
    else if (token === undefined) this.#early.set(id, performance.now())
    else this.#onAnswer(token)
  }

  #refuse(why: string): void {
    this.refused[why] = (this.refused[why] ?? 0) + 1
  }
}
