/** The demo's chapters. Each waits for what must happen, never for time to pass. */
import { join } from 'node:path'
import { cliError } from '../cli-error.js'
import { ChatService } from './app-service.js'
import type { Line } from './child.js'
import { poll } from './poll.js'
import type { Phone, Stage } from './stage.js'

/** The device that has Ada's list first. */
export const ADA_PHONE = 'ada-phone'
const ADA_TABLET = 'ada-tablet'
const BEN_PHONE = 'ben-phone'
/** Seconds; shortened, so that the demo takes half a minute. */
const KEEPALIVE_S = '5'
const AWAY_AFTER_S = '3'
const OFFLINE_AFTER_S = '6'
/** The shortest deadline of a ring. */
const MISSED_S = 5
const LONG_S = 60

/** What the chapters hand on. */
export interface Cast {
  ada: string
  ben: string
}

const isEvent =
  (kind: string) =>
  ({ event }: Line): boolean =>
    event === kind

/** Server, accounts, application, three devices. */
export async function enrol(stage: Stage): Promise<{ app: string; apiKey: string }> {
  const { timeline } = stage
  timeline.chapter('Enrolment')
  const ready = await stage.serve()
  timeline.line('server', `is ready: UDP ${(ready['udp'] as string[]).join(', ')}; HTTP ${stage.url}`)
  const onData = ['--data', stage.data, '--json']
  const [ada, ben, app] = await Promise.all([
    stage.run(['account', 'add', 'Ada', ...onData]),
    stage.run(['account', 'add', 'Ben', ...onData]),
    stage.run(['app', 'add', 'Chat', ...onData]),
  ])
  stage.adaAccount = String(ada['account'])
  const second = await stage.run(['account', 'code', stage.adaAccount, ...onData])
  await Promise.all([
    enrolDevice(stage, ADA_PHONE, ada),
    enrolDevice(stage, ADA_TABLET, second),
    enrolDevice(stage, BEN_PHONE, ben),
  ])
  return { app: String(app['app']), apiKey: String(app['apiKey']) }
}

async function enrolDevice(stage: Stage, name: string, { code }: Line): Promise<void> {
  const words = ['device', 'enrol', '--url', stage.url, '--code', String(code), '--name', name]
  const { deviceId } = await stage.run([...words, '--file', fileOf(stage, name), '--json'])
  stage.timeline.line(name, `is enrolled as ${deviceId}`)
}

function fileOf(stage: Stage, name: string): string {
  return join(stage.folder, `${name}.json`)
}

/** All three devices come online. */
export async function handshakes(stage: Stage): Promise<void> {
  stage.timeline.chapter('Handshakes')
  await Promise.all([ADA_PHONE, ADA_TABLET, BEN_PHONE].map((name) => connect(stage, name)))
  await stage.book('3 handshakes')
}

async function connect(stage: Stage, name: string): Promise<void> {
  const file = fileOf(stage, name)
  const words = ['device', 'run', '--file', file, '--keepalive', KEEPALIVE_S, '--away-after', AWAY_AFTER_S]
  const child = stage.start(name, [...words, '--offline-after', OFFLINE_AFTER_S, '--json'])
  const phone: Phone = { name, file, child, handshakeBytes: [0, 0] }
  stage.phones.push(phone)
  const online = await child.next('its handshake', isEvent('online'))
  if (!Array.isArray(online['handshakeBytes']))
    throw cliError('PL_DEMO_FAILED', `${name} came online without a handshake`)
  phone.handshakeBytes = online['handshakeBytes'] as [number, number]
  stage.timeline.line(name, `is online after one round trip: ${phone.handshakeBytes.join(' B + ')} B`)
}

/** Both persons let the application see them; Ada's second device gets her list. */
export async function grants(stage: Stage, { app, apiKey }: { app: string; apiKey: string }): Promise<Cast> {
  const { timeline } = stage
  timeline.chapter('Who may see me')
  const service = new ChatService(stage.url, apiKey, timeline)
  stage.service = service
  service.listen()
  await service.until('its stream', () => service.opened > 0)
  timeline.line('AppService', 'listens to the presence stream: nobody agreed to be seen yet')
  const ada = await allow(stage, ADA_PHONE, app)
  service.name(ada, 'Ada')
  await service.next(ada, 'online')
  const ben = await allow(stage, BEN_PHONE, app)
  service.name(ben, 'Ben')
  await service.next(ben, 'online')
  await shareList(stage, app)
  await stage.book('2 applications allowed, a list shared')
  return { ada, ben }
}

async function allow(stage: Stage, name: string, app: string): Promise<string> {
  const { file } = stage.phone(name)
  const { puid } = await stage.run(['device', 'allow', app, '--file', file, '--json'])
  stage.timeline.line(name, `allows Chat, which knows its person as ${String(puid).slice(0, 12)}...`)
  return String(puid)
}

/** The server holds Ada's list only sealed; the key goes from device to device when she confirms. */
async function shareList(stage: Stage, app: string): Promise<void> {
  const first = stage.phone(ADA_PHONE).child
  const second = stage.phone(ADA_TABLET).child
  const wanted = await second.next('its code', isEvent('list-key-wanted'))
  const offer = await first.next('the offer', isEvent('key-offer'))
  if (wanted['code'] !== offer['code']) throw cliError('PL_DEMO_FAILED', 'the two devices show different codes')
  stage.timeline.line(ADA_PHONE, `"${offer['name']}" asks for the list, both show ${offer['code']}: Ada confirms`)
  first.type('confirm')
  await second.next('the list', (line) => isEvent('list-changed')(line) && Number(line['version']) > 0)
  const lists = await Promise.all([first, second].map(listOf))
  for (const list of lists) {
    if (!list.some((entry) => entry['app'] === app && entry['visible'] === true)) {
      throw cliError('PL_DEMO_FAILED', 'a device of Ada does not hold the list')
    }
  }
  stage.timeline.line(ADA_TABLET, 'holds the list too')
}

async function listOf(child: Phone['child']): Promise<Line[]> {
  child.type('apps')
  const { apps } = await child.next('the list', isEvent('apps'))
  return apps as Line[]
}

/** Online, away and offline by the server's own clock, online again. */
export async function presence(stage: Stage, { ada }: Cast): Promise<void> {
  const { service, timeline } = stage
  timeline.chapter('Presence')
  const phones = [stage.phone(ADA_PHONE), stage.phone(ADA_TABLET)]
  for (const { child } of phones) child.type('idle')
  await Promise.all(phones.map(({ child }) => child.next('to be idle', isEvent('state'))))
  timeline.line('Ada', 'puts both devices down')
  const before = (await stage.counts(phones)).datagramsOut
  await service.next(ada, 'away')
  const packets = (await stage.counts(phones)).datagramsOut - before
  timeline.line('server', `did that by its own clock: her devices sent ${packets} packets meanwhile`)
  await service.next(ada, 'offline')
  for (const { child } of phones) child.type('active')
  timeline.line('Ada', 'is back')
  await service.next(ada, 'online')
  await stage.book('away, offline, back')
}

/** One ring for each outcome; a device changes its address while one of them runs out. */
export async function rings(stage: Stage, { ada, ben }: Cast): Promise<void> {
  stage.timeline.chapter('Rings')
  await accepted(stage, ada)
  await stage.book('a ring accepted, on 2 devices')
  await dismissed(stage, ben)
  await stage.book('a ring dismissed')
  const { service } = stage
  const ring = await service.ring(ben, 'Are you there?', MISSED_S)
  const child = stage.phone(BEN_PHONE).child
  await child.next('the ring', isEvent('ring'))
  await newAddress(stage)
  await stage.book('a change of address')
  await withdrawn(stage, ada)
  await stage.book('a ring withdrawn, on 2 devices')
  await child.next('the missed ring', isEvent('missed'))
  stage.timeline.line(BEN_PHONE, 'stops ringing: missed')
  await service.outcome(ring, 'missed')
  stage.rings.missed++
  await stage.book('a ring missed')
}

async function accepted(stage: Stage, ada: string): Promise<void> {
  const { service, timeline } = stage
  const ring = await service.ring(ada, 'Ben is calling', LONG_S)
  const phones = [stage.phone(ADA_PHONE), stage.phone(ADA_TABLET)]
  await Promise.all(phones.map(({ child }) => child.next('the ring', isEvent('ring'))))
  timeline.line('Ada', 'both devices ring; she accepts on the phone')
  stage.phone(ADA_PHONE).child.type('accept')
  const [first, second] = await Promise.all(
    phones.map(({ child }) => child.next('the end of the ring', isEvent('ring-ended'))),
  )
  if (first?.['outcome'] !== 'accepted' || second?.['outcome'] !== 'answered-elsewhere') {
    throw cliError('PL_DEMO_FAILED', `the ring ended ${first?.['outcome']} and ${second?.['outcome']}`)
  }
  timeline.line(ADA_TABLET, 'stops ringing: answered elsewhere')
  await service.outcome(ring, 'accepted')
  stage.rings.accepted++
}

async function dismissed(stage: Stage, ben: string): Promise<void> {
  const ring = await stage.service.ring(ben, 'Ada is calling', LONG_S)
  const { child } = stage.phone(BEN_PHONE)
  await child.next('the ring', isEvent('ring'))
  stage.timeline.line(BEN_PHONE, 'rings; Ben dismisses')
  child.type('dismiss')
  await stage.service.outcome(ring, 'dismissed')
  stage.rings.dismissed++
}

/** The server sees the change by the first packet, and challenges the new address before it sends anything else there. */
async function newAddress(stage: Stage): Promise<void> {
  const { service, timeline } = stage
  const challenges = () => service.metric('pilotlight_challenges_sent_total')
  const before = await challenges()
  const { child } = stage.phone(ADA_PHONE)
  child.type('network')
  await child.next('the new socket', isEvent('network'))
  await poll('the server did not challenge the new address', async () => (await challenges()) > before)
  timeline.line(ADA_PHONE, 'goes on from a new socket: no handshake, the server challenged the new address')
}

async function withdrawn(stage: Stage, ada: string): Promise<void> {
  const { service } = stage
  const ring = await service.ring(ada, 'Never mind', LONG_S)
  const { child } = stage.phone(ADA_PHONE)
  await child.next('the ring on its new address', isEvent('ring'))
  stage.timeline.line(ADA_PHONE, 'rings, at its new address')
  await service.withdraw(ring)
  await child.next('the end of the ring', (line) => isEvent('ring-ended')(line) && line['outcome'] === 'withdrawn')
  stage.timeline.line(ADA_PHONE, 'stops ringing: withdrawn')
  await service.outcome(ring, 'withdrawn')
  stage.rings.withdrawn++
}
