/** What the main thread counts, as samples for `/metrics`. No personal data in labels. */
import type { EndpointMetrics } from '../endpoint/metrics.js'
import type { MetricSample, ValueSample } from '../sidecar/message.js'
import type { ChannelDeskCounts } from './channel-desk.js'
import type { EndpointNumbers } from './endpoints.js'
import { type DelayCounts, delaySample } from './loop-delay.js'
import type { StoreNumbers } from './store-watch.js'
import type { BufferBytes, UdpCounts } from './udp-socket.js'

/** What the samples are made of. */
export interface MetricSources {
  endpoints: readonly EndpointNumbers[]
  /** by name in camel case; a name ending in Total counts, others are gauges */
  hub: Record<string, number>
  /** of the sockets of the main thread */
  udp: UdpCounts
  channels: ChannelDeskCounts
  udpBuffers: { asked: BufferBytes; given: BufferBytes }
  /** datagrams that the kernel dropped; null where it does not tell */
  udpDrops: number | null
  /** of the main thread */
  loopDelay: DelayCounts
  storeErrors: number
  store: StoreNumbers
  sidecarRestarts: number
  /** Unix seconds */
  startedS: number
  rssBytes: number
  /** logs for researchers that are written */
  traces: { qlog: boolean; keyLog: boolean }
}

/** All samples, those of one name side by side. */
export function metricSamples(sources: MetricSources): MetricSample[] {
  return [
    ...udpSamples(sources),
    ...workerSamples(sources.endpoints),
    ...hubSamples(sources.hub),
    ...processSamples(sources),
    delaySample(sources.loopDelay, null),
    ...sources.endpoints.flatMap(({ worker, loopDelay }) =>
      loopDelay === null ? [] : [delaySample(loopDelay, worker)],
    ),
  ]
}

/** `send` is what was seen: one send of 16 is looked at, and the 1,000 after an error. */
const UDP_ERRORS = 'Sends that the kernel was seen to refuse, and errors of sockets'

function udpSamples({ udp: ofMain, endpoints, udpBuffers, udpDrops, channels }: MetricSources): MetricSample[] {
  const udp = endpoints.reduce((sum, worker) => together(sum, worker.udp), ofMain)
  const out = { direction: 'out' }
  const into = { direction: 'in' }
  return [
    counter('pilotlight_udp_datagrams_total', 'Datagrams at the sockets', into, udp.datagramsIn),
    counter('pilotlight_udp_datagrams_total', 'Datagrams at the sockets', out, udp.datagramsOut),
    counter('pilotlight_udp_payload_bytes_total', 'Bytes of UDP payload at the sockets', into, udp.bytesIn),
    counter('pilotlight_udp_payload_bytes_total', 'Bytes of UDP payload at the sockets', out, udp.bytesOut),
    counter('pilotlight_udp_errors_total', UDP_ERRORS, { kind: 'send' }, udp.sendErrors),
    counter('pilotlight_udp_errors_total', UDP_ERRORS, { kind: 'socket' }, udp.socketErrors),
    counter('pilotlight_udp_bad_sources_total', 'Datagrams from an address that nobody can have', {}, udp.badSources),
    ...labelled(
      'websocket_outgoing_dropped_total',
      'Datagrams for WebSockets dropped by the main thread, by reason',
      'reason',
      { ...channels },
    ),
    ...bufferSamples('pilotlight_udp_buffer_bytes', 'Socket buffers that the kernel gave', udpBuffers.given),
    ...bufferSamples('pilotlight_udp_buffer_asked_bytes', 'Socket buffers that were asked', udpBuffers.asked),
    // Where nobody counts there is no metric: 0 would say that nothing is lost.
    ...(udpDrops === null
      ? []
      : [counter('pilotlight_udp_kernel_drops_total', 'Datagrams that a full socket buffer lost', {}, udpDrops)]),
  ]
}

function bufferSamples(name: string, help: string, { receive, send }: BufferBytes): MetricSample[] {
  return [gauge(name, help, { direction: 'in' }, receive), gauge(name, help, { direction: 'out' }, send)]
}

function together(one: UdpCounts, other: UdpCounts | null): UdpCounts {
  if (other === null) return one
  return {
    datagramsIn: one.datagramsIn + other.datagramsIn,
    bytesIn: one.bytesIn + other.bytesIn,
    datagramsOut: one.datagramsOut + other.datagramsOut,
    bytesOut: one.bytesOut + other.bytesOut,
    sendErrors: one.sendErrors + other.sendErrors,
    badSources: one.badSources + other.badSources,
    socketErrors: one.socketErrors + other.socketErrors,
  }
}

/** Without workers there is no label `worker`. */
function workerSamples(endpoints: readonly EndpointNumbers[]): MetricSample[] {
  return endpoints.flatMap(({ worker, endpoint, dropped }) => {
    const samples = endpointSamples(endpoint)
    if (worker === null) return samples
    samples.push(
      counter('pilotlight_worker_dropped_total', 'Datagrams dropped, as their worker was behind', {}, dropped),
    )
    return samples.map((one) => ({ ...one, labels: { ...one.labels, worker: String(worker) } }))
  })
}

function endpointSamples(endpoint: EndpointMetrics): ValueSample[] {
  const single: [keyof EndpointMetrics & string, string, string][] = [
    ['handshakes', 'handshakes_total', 'Handshakes that were committed'],
    ['handshakesExpired', 'handshakes_expired_total', 'Handshakes that waited in vain for their first packet'],
    ['commitsFailed', 'commits_failed_total', 'Commits that the store could not make'],
    ['failedOpens', 'failed_opens_total', 'Packets whose tag did not verify'],
    ['resetsSent', 'resets_sent_total', 'Resets sent for connection IDs without a session'],
    ['cookiesSent', 'cookies_sent_total', 'Cookies sent under load'],
    ['challengesSent', 'challenges_sent_total', 'Path challenges sent'],
    ['probesAnswered', 'probes_answered_total', 'Keepalive probes answered'],
    ['pathsProving', 'paths_proving', 'Sessions with an address that waits for its proof'],
    ['framesWaiting', 'sessions_with_frames_waiting', 'Sessions with frames that wait for their ack'],
    ['probesHeld', 'probes_held', 'Sessions with a keepalive probe under way'],
    ['sessionsConfirmed', 'sessions_confirmed_total', 'Sessions confirmed after a restart'],
    ['pathsClosed', 'paths_closed_total', 'Sessions that lost their path because its WebSocket closed'],
    ['sessionsEnded', 'sessions_ended_total', 'Sessions that ended by CLOSE, protocol error or key limit'],
    ['steps', 'key_steps_total', 'Key steps that devices have taken'],
    ['stepsRefused', 'key_steps_refused_total', 'Key steps that were asked for too often, or that had no room'],
    ['stepsPromised', 'key_steps_promised', 'Key steps with keys that wait for their device'],
    ['sessions', 'sessions', 'Sessions held'],
    ['handshakesPending', 'handshakes_pending', 'Handshakes that wait for their first packet or its commit'],
    ['handshakesWaiting', 'handshakes_waiting', 'Messages 1 that wait until nothing of known devices does'],
    ['loadsWaiting', 'loads_waiting', 'Inputs that wait for a session that is not loaded yet'],
    ['lookupsPending', 'lookups_pending', 'Look-ups of devices that wait for the store'],
    ['recordBytes', 'session_record_bytes', 'Bytes of session records'],
  ]
  return [
    ...labelled('datagrams_dropped_total', 'Datagrams dropped without effect, by reason', 'reason', endpoint.dropped),
    ...labelled('packets_in_total', 'Datagrams that came, by kind, dropped ones included', 'kind', endpoint.packetsIn),
    ...labelled('packets_out_total', 'Datagrams sent, by kind', 'kind', endpoint.packetsOut),
    ...labelled('handshakes_refused_total', 'Handshakes refused, by code (wire-spec 4.3)', 'code', endpoint.refused),
    ...single.map(([key, name, help]) => sample(`pilotlight_${name}`, help, {}, Number(endpoint[key]))),
  ]
}

function hubSamples(hub: Record<string, number>): MetricSample[] {
  return Object.entries(hub).map(([key, value]) => {
    const words = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    return sample(`pilotlight_hub_${words}`, `Hub: ${words.replaceAll('_', ' ')}`, {}, value)
  })
}

function processSamples({
  storeErrors,
  store,
  sidecarRestarts,
  startedS,
  rssBytes,
  traces,
}: MetricSources): MetricSample[] {
  return [
    counter('pilotlight_store_errors_total', 'Requests that the store failed', {}, storeErrors),
    ...labelled(
      'store_warnings_total',
      'Troubles of the store that no request was told, by code',
      'code',
      store.warnings,
    ),
    gauge('pilotlight_store_writable', '1 if the store can write', {}, store.isWritable ? 1 : 0),
    counter('pilotlight_sidecar_restarts_total', 'Times that the sidecar was started again', {}, sidecarRestarts),
    gauge('pilotlight_qlog', '1 while a qlog is written', {}, traces.qlog ? 1 : 0),
    gauge('pilotlight_key_log', '1 while the keys of the channel are written to a file', {}, traces.keyLog ? 1 : 0),
    gauge('pilotlight_start_time_seconds', 'Unix time of the start of this process', {}, startedS),
    gauge('pilotlight_resident_memory_bytes', 'Resident set size of this process', {}, rssBytes),
  ]
}

function labelled(name: string, help: string, label: string, values: Record<string, number>): ValueSample[] {
  return Object.entries(values).map(([key, value]) => sample(`pilotlight_${name}`, help, { [label]: key }, value))
}

/** Names after Prometheus's convention say what they are: `_total` counts. */
function sample(name: string, help: string, labels: Record<string, string>, value: number): ValueSample {
  return name.endsWith('_total') ? counter(name, help, labels, value) : gauge(name, help, labels, value)
}

function counter(name: string, help: string, labels: Record<string, string>, value: number): ValueSample {
  return { name, help, type: 'counter', labels, value }
}

function gauge(name: string, help: string, labels: Record<string, string>, value: number): ValueSample {
  return { name, help, type: 'gauge', labels, value }
}
