/** The load scenario, small: real peers and our server in turns; and how the rounds choose and judge. */
import t from 'tap'
import { BenchError } from '../../bench/bench-error.js'
import { PEERS } from '../../bench/peers/all.js'
import { Generator } from '../../bench/peers/generator.js'
import type { Peer } from '../../bench/peers/peer.js'
import { freePort } from '../../bench/peers/program.js'
import { missing } from '../../bench/peers/stage.js'
import type { Contestant, Measured, Pace } from '../../bench/scenarios/load/contestant.js'
import { compete, LADDER } from '../../bench/scenarios/load/rounds.js'
import { load } from '../../bench/scenarios/load.js'

t.test('a peer that is not there is named, and what it takes', async (t) => {
  const peer = { ...PEERS[0]!, version: () => null } satisfies Peer
  t.equal(missing(peer), 'missing: install Debian package mosquitto')
  await t.rejects(load.run({ action: null, values: { peers: 'emqx' }, seed: '1', progress: () => {} }), {
    message:
      'no peer "emqx"; there are mosquitto-tls, mosquitto-tcp, nats-tls, ws-tls, aedes-tls, libcoap-dtls, node-udp-floor, and none',
    exitCode: 2,
  })
})

t.test('a server that is not there ends the generator with a reason', async (t) => {
  const generator = new Generator(PEERS[0]!, await freePort('tcp'), { core: null, progress: () => {} })
  await t.rejects(generator.connect(2), BenchError)
  await generator.stop()
  t.throws(() => process.kill(generator.pid, 0), { code: 'ESRCH' })
})

/** Answers a table of rates and losses. */
class Scripted implements Contestant {
  readonly clients = 10_000
  readonly paces: Pace[] = []
  readonly name: string
  readonly #rates: Record<number, { rate: number; loss: number }>
  readonly #busy: { server: number; generator: number }

  constructor(
    name: string,
    rates: Record<number, { rate: number; loss: number }>,
    busy = { server: 1, generator: 0.5 },
  ) {
    this.name = name
    this.#rates = rates
    this.#busy = busy
  }

  async measure(pace: Pace, seconds: number): Promise<Measured> {
    this.paces.push(pace)
    const key = pace.kind === 'closed' ? pace.outstanding : pace.perSecond
    const { rate, loss } = this.#rates[key] ?? { rate: key, loss: 0 }
    const sent = rate * seconds
    return {
      pace,
      sent,
      lost: sent * loss,
      seconds,
      pingsPerSecond: rate,
      cpuMicrosPerPing: 1e6 / rate,
      generatorMicrosPerPing: 1,
      serverBusy: this.#busy.server,
      generatorBusy: this.#busy.generator,
    }
  }
}

t.test('the highest rate is the one without losses, and the row says who limits it', async (t) => {
  const lossy = new Scripted('lossy', {
    8: { rate: 1000, loss: 0 },
    32: { rate: 4000, loss: 0 },
    128: { rate: 9000, loss: 0.01 },
  })
  const weak = new Scripted(
    'weak',
    { 8: { rate: 1000, loss: 0 }, 512: { rate: 2000, loss: 0 }, 20000: { rate: 2000, loss: 0 } },
    { server: 0.6, generator: 0.99 },
  )
  const hopeless = new Scripted('hopeless', {
    8: { rate: 100, loss: 0.02 },
    32: { rate: 200, loss: 0.01 },
    128: { rate: 300, loss: 0.03 },
    512: { rate: 400, loss: 0.04 },
  })
  const breaking = new Scripted('breaking', { 8: { rate: 100, loss: 0 } })
  let turns = 0
  breaking.measure = async () => {
    if (++turns === LADDER.length + 2) throw new BenchError('it went away')
    return await new Scripted('x', { 8: { rate: 100, loss: 0 } }).measure({ kind: 'closed', outstanding: 8 }, 1)
  }
  const { standings, broken } = await compete([lossy, weak, hopeless, breaking], {
    rounds: 3,
    seconds: 1,
    progress: () => {},
  })
  t.match(standings.get('lossy'), { outstanding: 32, pingsPerSecond: 4000, cpuMicrosPerPing: 250, limitedBy: 'server' })
  t.match(standings.get('weak'), { outstanding: 512, limitedBy: 'generator', lossShare: 0 })
  t.equal(standings.get('weak')?.paced['20000'], null, 'it did not follow')
  t.match(standings.get('hopeless'), { outstanding: 32, lossShare: 0.01 }, 'the least losses, and they are shown')
  t.same(standings.get('lossy')?.rounds, [250, 250, 250])
  t.same([...broken], [['breaking', 'it went away']], 'one that breaks does not end the others')
  t.notOk(standings.has('breaking'))
})
