/** Applications of a staged server that call it over HTTP at scheduled times. */
import { Agent, type ClientRequest, type RequestOptions, request } from 'node:http'
import { type CallFacts, type CallPlan, ScheduledCalls } from '../peers/call-load.js'
import type { Stage } from './stage.js'
import { puidWriter } from './store-writer.js'

/** What is alike whatever they ask: connections, what is under way, what was refused. */
export abstract class CallingApps {
  protected readonly stage: Stage
  /** by application */
  protected readonly puids: readonly ((account: number) => string)[]
  /** requests that were not served, by status or error */
  readonly refused: Record<string, number> = {}
  readonly #agent: Agent
  readonly #underWay = new Set<ClientRequest>()
  #onAnswer: (token: string, atMs?: number) => void = () => {}
  #isCancelled = false

  /** @param sockets connections, as many requests as are under way at once. */
  constructor(stage: Stage, sockets: number) {
    this.stage = stage
    this.#agent = new Agent({ keepAlive: true, maxSockets: sockets })
    this.puids = stage.facts.apps.map((_, app) => puidWriter(stage.crypto, stage.facts, app))
  }

  /** Calls at a rate. @param accounts persons 0 to this - 1 take turns. */
  async run(plan: CallPlan, accounts = this.stage.facts.accounts): Promise<CallFacts> {
    this.#isCancelled = false
    const calls = new ScheduledCalls(plan, accounts, (account, token) => {
      if (!this.#isCancelled) this.call(account - 1, token)
    })
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
    this.cancel()
    this.#agent.destroy()
  }

  /** One call, about a person. */
  protected abstract call(account: number, token: string): void

  /** Requests; the caller adds its own headers to the key of the application. */
  protected send(
    app: number,
    path: string,
    { headers = {}, ...options }: RequestOptions & { headers?: Record<string, string | number> },
    parts: { text?: string; onAnswer: (status: number, text: string) => void },
  ): void {
    const { facts, server } = this.stage
    const authorization = `Bearer ${facts.apps[app]!.apiKey}`
    const all = { ...options, agent: this.#agent, headers: { authorization, ...headers } }
    const sent = request(`${server.url}${path}`, all, (response) => {
      let answer = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk
      })
      response.on('end', () => parts.onAnswer(response.statusCode ?? 0, answer))
    })
    this.#underWay.add(sent)
    sent.on('close', () => this.#underWay.delete(sent))
    sent.on('error', (error) => this.refuse((error as NodeJS.ErrnoException).code ?? 'error'))
    sent.end(parts.text)
  }

  /** A call was answered as it should be, now or at that moment. */
  protected answered(token: string, atMs?: number): void {
    this.#onAnswer(token, atMs)
  }

  protected refuse(why: string): void {
    this.refused[why] = (this.refused[why] ?? 0) + 1
  }
}
