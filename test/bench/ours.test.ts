/** Our load process on a real server: sessions of the store, handshakes, pings, rings, WebSockets. */
import t from 'tap'
import { openLoad } from '../../bench/ours/load.js'
import { Ringing } from '../../bench/ours/ringing.js'
import { onStage, settleAll } from '../../bench/ours/stage.js'

const DEVICES = 1_000
const LIVE = 940
const WEBSOCKETS = 5
const RINGS = 10

t.test('1,000 devices: settled, pinged, rung; 60 of them handshake at once; 5 go to WebSocket', async (t) => {
  await onStage({ seed: '1', devices: DEVICES, live: LIVE, apps: 8 }, async (stage) => {
    const { facts, server, load } = stage
    await settleAll(load, 0, LIVE)
    const heard = await server.metrics()
    t.equal(heard.get('pilotlight_sessions'), LIVE)
    t.equal(heard.get('pilotlight_sessions_confirmed_total'), LIVE)
    t.equal(heard.get('pilotlight_handshakes_total'), 0)
    t.ok(server.memory().rssBytes > 2 ** 20)
    t.ok(server.cpuMicros() > 0)

    const storm = await load.call('storm', { from: LIVE, to: DEVICES, seconds: 60 })
    t.match(storm, { devices: DEVICES - LIVE, done: DEVICES - LIVE })
    t.equal((await server.metrics()).get('pilotlight_handshakes_total'), DEVICES - LIVE)

    const channel = 'pilotlight_packets_in_total{kind="channel"}'
    const before = (await server.metrics()).get(channel) ?? 0
    const closed = await load.call('run', { to: LIVE, pings: 2_000, outstanding: 16 })
    t.match(closed, { sent: 2_000, asked: 2_000, skipped: 0 })
    t.equal(closed.answered + closed.lost, 2_000)
    t.equal(
      closed.roundTrips.reduce((sum, count) => sum + count, 0),
      closed.answered,
    )
    const tenth = await load.call('run', { to: LIVE, pings: 2_000, askEvery: 10, outstanding: 4 })
    t.equal(tenth.answered + tenth.lost, tenth.asked)
    t.ok(tenth.asked >= 180 && tenth.asked <= 220, `${tenth.asked} of 2,000 asked`)
    const paced = await load.call('run', { to: LIVE, pings: 200, perSecond: 2_000 })
    t.equal(paced.answered + paced.lost, paced.asked)
    const sent = closed.sent + tenth.sent + paced.sent
    t.ok(((await server.metrics()).get(channel) ?? 0) - before >= sent, 'every ping came')

    const ringing = new Ringing(stage)
    t.teardown(() => ringing.close())
    await load.call('setRings', 'accept')
    await ringing.send(RINGS, 60)
    t.equal(ringing.open, RINGS)
    t.strictSame(await ringing.read(20), { accepted: RINGS })

    const webSockets = await openLoad({
      facts,
      target: server.target,
      seed: 'ws',
      lanes: WEBSOCKETS,
      transport: 'websocket',
    })
    t.teardown(() => webSockets.close())
    await settleAll(webSockets, 0, WEBSOCKETS)
    const over = await webSockets.call('run', { to: WEBSOCKETS, pings: 50, outstanding: 2 })
    t.equal(over.answered + over.lost, 50)
    t.equal((await load.call('counts')).closes, 0)
  })
})
