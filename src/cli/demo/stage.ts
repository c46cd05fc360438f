/** What the demo's steps share: the server, the phones, the AppService, and what was counted. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChatService } from './app-service.js'
import { Child, type Line, runCommand } from './child.js'
import { addCounts, type Cost, type Counts, lessCounts, NO_COUNTS } from './counts.js'
import type { Timeline } from './timeline.js'

/** A device of the demo: its own process, with UDP of its own. */
export interface Phone {
  name: string
  file: string
  child: Child
  handshakeBytes: [number, number]
}

/** How rings ended. */
export interface RingTally {
  accepted: number
  dismissed: number
  missed: number
  withdrawn: number
  acceptedAfterRestart: number
}

const PORT_ANY = '0'

/** The stage. Steps put on it what later steps need. */
export class Stage {
  readonly timeline: Timeline
  readonly folder = mkdtempSync(join(tmpdir(), 'pilotlight-demo-'))
  readonly phones: Phone[] = []
  readonly costs: Cost[] = []
  readonly rings: RingTally = { accepted: 0, dismissed: 0, missed: 0, withdrawn: 0, acceptedAfterRestart: 0 }
  /** acc_... */
  adaAccount = ''
  handshakesAfterRestart = -1
  pingsAcceptedAfterRestart = 0
  #server: Child | null = null
  #service: ChatService | null = null
  #ports = [PORT_ANY, PORT_ANY]
  #counted: Counts = NO_COUNTS

  constructor(timeline: Timeline) {
    this.timeline = timeline
  }

  /** Folder of the server's database. */
  get data(): string {
    return join(this.folder, 'server')
  }

  get server(): Child {
    if (this.#server === null) throw new Error('no server yet')
    return this.#server
  }

  get service(): ChatService {
    if (this.#service === null) throw new Error('no AppService yet')
    return this.#service
  }

  set service(service: ChatService) {
    this.#service = service
  }

  /** URL of the server's HTTP. */
  get url(): string {
    return `http://127.0.0.1:${this.#ports[1]}`
  }

  /** Starts `pilotlight serve`; again on the same ports and the same folder. */
  async serve(): Promise<Line> {
    const [udpPort = PORT_ANY, httpPort = PORT_ANY] = this.#ports
    const words = ['serve', '--data', this.data, '--host', '127.0.0.1', '--host', '::1']
    words.push('--udp-port', udpPort, '--http-port', httpPort, '--log-level', 'error', '--json')
    this.#server = this.start('server', words)
    const ready = await this.#server.next('its ready line', (line) => line['ready'] === true)
    this.#ports = [portOf(ready['udp']), portOf(ready['http'])]
    return ready
  }

  /** Starts a process and says so. */
  start(name: string, words: string[]): Child {
    this.timeline.command(`pilotlight ${words.map(quoted).join(' ')}`)
    return new Child(name, words)
  }

  /** Runs a command to its end and gives its result. */
  run(words: string[]): Promise<Line> {
    this.timeline.command(`pilotlight ${words.map(quoted).join(' ')}`)
    return runCommand(words)
  }

  phone(name: string): Phone {
    const phone = this.phones.find((one) => one.name === name)
    if (phone === undefined) throw new Error(`no phone ${name}`)
    return phone
  }

  /** What these phones sent and received so far. */
  async counts(phones: readonly Phone[] = this.phones): Promise<Counts> {
    const all = await Promise.all(
      phones.map(async ({ child }) => {
        child.type('status')
        const { counters } = await child.next('its status', ({ event }) => event === 'status')
        return counters as Counts
      }),
    )
    return all.reduce(addCounts, NO_COUNTS)
  }

  /** Books what was sent since the last call. */
  async book(what: string): Promise<void> {
    const now = await this.counts()
    this.costs.push({ what, counts: lessCounts(now, this.#counted) })
    this.#counted = now
  }

  /** Ends everything that still runs and removes the folder. */
  async clear(): Promise<void> {
    this.#service?.close()
    await Promise.all(this.phones.map(({ child }) => child.end()))
    await this.#server?.end()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function portOf(addresses: unknown): string {
  const [first] = addresses as string[]
  return first?.split(':').at(-1) ?? PORT_ANY
}

/** As a shell would need it. */
function quoted(word: string): string {
  return /^[A-Za-z0-9_./:=@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
