/** The demo's last chapter: the server is killed in the middle of a ring, and nobody has to begin anew. */
import { poll } from './poll.js'
import type { Stage } from './stage.js'
import type { Cast } from './story.js'

const ADA_PHONE = 'ada-phone'
const ADA_TABLET = 'ada-tablet'
const LONG_S = 60

/** `kill -9` between a ring and its answer, and a restart on the same folder. */
export async function crash(stage: Stage, { ada }: Cast): Promise<void> {
  const { service, timeline } = stage
  timeline.chapter('kill -9 and restart')
  const { child } = stage.phone(ADA_PHONE)
  const ring = await service.ring(ada, 'Still there?', LONG_S)
  const rung = [ADA_PHONE, ADA_TABLET].map((name) => stage.phone(name).child)
  await Promise.all(rung.map((one) => one.next('the ring', ({ event }) => event === 'ring')))
  await service.shown(ring)
  timeline.line(ADA_PHONE, 'rings; the AppService knows that it is shown')
  await stage.counts() // and nothing is under way when the server dies
  const handshakesBefore = handshakesOf(await stage.counts())
  const { restarts } = service
  await stage.server.kill()
  timeline.line('server', 'was killed with SIGKILL while the ring rings')
  await stage.serve()
  timeline.line('server', 'is up again, on the same folder')
  await service.until('its stream again', () => service.restarts > restarts)
  child.type('accept')
  timeline.line('Ada', 'accepts')
  await service.next(ada, 'online')
  await service.outcome(ring, 'accepted')
  stage.rings.acceptedAfterRestart++
  await child.next('the end of the ring', (line) => line['event'] === 'ring-ended' && line['outcome'] === 'accepted')
  await pingsAccepted(stage)
  const atDevices = handshakesOf(await stage.counts()) - handshakesBefore
  stage.handshakesAfterRestart = Math.max(atDevices, await service.metric('pilotlight_handshakes_total'))
  timeline.line('server', `handshakes after restart: ${stage.handshakesAfterRestart}`)
  await stage.book('a ring over a crash, 3 sessions go on')
}

/** Each session is confirmed by a ping with the answer to the server's challenge. */
async function pingsAccepted(stage: Stage): Promise<void> {
  const confirmed = () => stage.service.metric('pilotlight_sessions_confirmed_total')
  await poll('the server did not take a ping of each device after its restart', async () => {
    stage.pingsAcceptedAfterRestart = await confirmed()
    return stage.pingsAcceptedAfterRestart >= stage.phones.length
  })
  stage.timeline.line('server', `took pings of all ${stage.phones.length} sessions after the restart`)
}

function handshakesOf(counts: { rows: { kind: string; datagrams: number }[] }): number {
  return counts.rows
    .filter(({ kind }) => kind === 'handshake message 1')
    .reduce((sum, { datagrams }) => sum + datagrams, 0)
}
