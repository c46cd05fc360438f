/** The webhooks of a simulated world: an endpoint for each AppService, and who watches what they are told. */
import type { Send } from '../webhook/message.js'
import { HookEndpoint } from './hook-endpoint.js'
import { HookWatch } from './hook-watch.js'
import type { House } from './house.js'
import type { Answer } from './server-webhooks.js'

export class Hooks {
  readonly watch: HookWatch
  /** none where the scenario has no webhooks */
  readonly endpoints: readonly HookEndpoint[]

  constructor(house: House, fail: (what: string) => void) {
    const { services, server, random, queue, scenario } = house
    this.watch = new HookWatch(house, fail)
    const apps = scenario.every.hookTroubleS > 0 ? services.map(({ app }) => app) : []
    this.endpoints = apps.map((app) => {
      const endpoint = new HookEndpoint({
        app,
        random: random.fork(`hook-${app}`),
        queue,
        watch: this.watch,
        isSet: () => server.isUp && server.disk.webhooks.get(app)?.disabled === null,
        configure: (config) => server.withWebhooks((webhooks) => webhooks.configure(app, config)),
      })
      server.disk.webhooks.set(app, endpoint.config)
      return endpoint
    })
  }

  /** A request of the server. */
  take = (send: Send, answered: (answer: Answer) => void): void => {
    this.endpoints.find(({ url }) => url === send.url)?.take(send, answered)
  }

  /** No more troubles. */
  recover(): void {
    for (const endpoint of this.endpoints) endpoint.recover()
  }

  /** At the end of the calm. */
  finish(): void {
    if (this.endpoints.length > 0) this.watch.finish()
  }
}
