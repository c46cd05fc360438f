/** Presence reads of applications: one person each, over HTTP, at scheduled times. */
import { Agent, type ClientRequest, request } from 'node:http'
import { visibleApps } from '../../ours/list.js'
import type { Stage } from '../../ours/stage.js'
import { puidWriter } from '../../ours/store-writer.js'
import { type CallFacts, type CallPlan, ScheduledCalls } from '../../peers/call-load.js'

/** The applications of a staged server, as readers. */
export class ReadingApps {
  readonly #stage: Stage
  readonly #agent: Agent
  readonly #puids: ((account: number) => string)[]
  readonly #underWay = new Set<ClientRequest>()
  #onAnswer: (token: string) => void = () => {}
  #isCancelled = false
  #turn = 0
  /** reads that were not answered with the presence, by status or error */
  readonly refused: Record<string, number> = {}

  /** @param sockets connections, as many reads as are under way at once. */
  constructor(stage: Stage, sockets: number) {
    this.#stage = stage
    this.#agent = new Agent({ keepAlive: true, maxSockets: sockets })
    this.#puids = stage.facts.apps.map((_, app) => puidWriter(stage.crypto, stage.facts, app))
  }

  /** Reads at a rate. @param accounts persons 0 to this - 1 take turns. */
  async run(plan: CallPlan, accounts: number): Promise<CallFacts> {
    this.#isCancelled = false
    const calls = new ScheduledCalls(plan, accounts, (account, token) => this.#read(account - 1, token))
    return await calls.run((onAnswer) => {
      this.#onAnswer = onAnswer
    })
  }

  /** Sends nothing more, and gives up what waits for its answer. */
  cancel(): void {
    this.#isCancelled = true
    for (const sent of this.#underWay) sent.destroy()
  }

  close(): void {
    this.cancel()
    this.#agent.destroy()
  }

  #read(account: number, token: string): void {
    if (this.#isCancelled) return
    const { facts, server } = this.#stage
    const visible = visibleApps(account, facts.apps.length)
    const app = visible[this.#turn++ % visible.length]!
    const url = `${server.url}/v1/presence/${this.#puids[app]!(account)}`
    const headers = { authorization: `Bearer ${facts.apps[app]!.apiKey}` }
    const sent = request(url, { agent: this.#agent, headers }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) this.#onAnswer(token)
        else this.#refuse(String(response.statusCode))
      })
    })
    this.#underWay.add(sent)
    sent.on('close', () => this.#underWay.delete(sent))
    sent.on('error', (error) => this.#refuse((error as NodeJS.ErrnoException).code ?? 'error'))
    sent.end()
  }

  #refuse(why: string): void {
    this.refused[why] = (this.refused[why] ?? 0) + 1
  }
}
