/** Rings of applications to devices of ours, and their outcomes: over HTTP, the channel, and the applications' streams. */
import { AppService } from '../../../src/appservice/index.js'
import { CallingApps } from '../../ours/calling-apps.js'
import { visibleApps } from '../../ours/list.js'
import type { Stage } from '../../ours/stage.js'
import { BODY_BYTES } from '../../peers/speech/body.js'

/** Connections of the applications for requests, as many as are under way at once, unless told otherwise. */
const SOCKETS = 128
const DEADLINE_S = 30
const ENDS: ReadonlySet<string> = new Set(['accepted', 'dismissed', 'missed', 'withdrawn', 'failed'])
const LINK = 'https://example.net/ring'
/** All applications listen after, ms; then the run fails. */
const LISTEN_MS = 30_000

/** The applications of a staged server. Each has a stream open; rings take turns over applications and persons. */
export class RingingApps extends CallingApps {
  readonly #end = new AbortController()
  /** rings that were answered to their sender and have not ended, and those that ended before their sender knew of them */
  readonly #tokens = new Map<string, string>()
  readonly #early = new Map<string, number>()
  /** times that a person was rung */
  readonly #turns = new Map<number, number>()

  constructor(stage: Stage, sockets = SOCKETS) {
    super(stage, sockets)
  }

  /**
   * Settles when every application's stream has told that it listens.
   *
   * @param onPresence told of each change of presence that an application is told.
   * @throws Error if one does not.
   */
  async listen(onPresence: () => void = () => {}): Promise<void> {
    const { facts, server } = this.stage
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

  override close(): void {
    this.#end.abort()
    super.close()
  }

  /** A ring. It counts as answered when its sender was told that the device accepted it. */
  protected override call(account: number, token: string): void {
    const visible = visibleApps(account, this.stage.facts.apps.length)
    const app = visible[this.#turn(account, visible.length)]!
    const title = token
    const body = 'x'.repeat(BODY_BYTES - title.length - LINK.length)
    const text = JSON.stringify({ to: this.puids[app]!(account), title, body, url: LINK, deadlineSeconds: DEADLINE_S })
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'idempotency-key': token,
    }
    const onAnswer = (status: number, answer: string) => this.#sent(token, status, answer)
    this.send(app, '/v1/rings', { method: 'POST', headers }, { text, onAnswer })
  }

  #turn(account: number, count: number): number {
    const turn = this.#turns.get(account) ?? 0
    this.#turns.set(account, turn + 1)
    return turn % count
  }

  #sent(token: string, status: number, answer: string): void {
    if (status !== 201) {
      this.refuse(String(status))
      return
    }
    const { id } = JSON.parse(answer) as { id: string }
    const endedMs = this.#early.get(id)
    this.#early.delete(id)
    if (endedMs === undefined) this.#tokens.set(id, token)
    else this.answered(token, endedMs)
  }

  #ended(id: string, state: string): void {
    const token = this.#tokens.get(id)
    this.#tokens.delete(id)
    if (state !== 'accepted') this.refuse(state)
    else if (token === undefined) this.#early.set(id, performance.now())
    else this.answered(token)
  }
}
