/** Presence reads of applications: one person each, over HTTP, at scheduled times. */
import { CallingApps } from '../../ours/calling-apps.js'
import { visibleApps } from '../../ours/list.js'

/** The applications of a staged server, as readers. */
export class ReadingApps extends CallingApps {
  #turn = 0

  protected override call(account: number, token: string): void {
    const visible = visibleApps(account, this.stage.facts.apps.length)
    const app = visible[this.#turn++ % visible.length]!
    const onAnswer = (status: number) => (status === 200 ? this.answered(token) : this.refuse(String(status)))
    this.send(app, `/v1/presence/${this.puids[app]!(account)}`, {}, { onAnswer })
  }
}
