import type { FastifyReply, FastifyRequest } from 'fastify'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ChannelCounts } from './channel/channels.js'
import type { Link } from './link.js'
import type { HistogramSample, MetricSample } from './message.js'

/** The main thread's part is as old as this at most, ms. */
const SAMPLE_EVERY_MS = 100

/** Upper bounds of the request histogram, seconds. */
const BUCKETS_S = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60]

/** What the sidecar counts, and how that and the main thread's samples become Prometheus text. No personal data in labels. */
export class Metrics {
  readonly #own = new Registry()
  readonly #link: Link
  readonly #requests: Counter<'method' | 'route' | 'status'>
  readonly #seconds: Histogram<'route'>
  readonly #mainUp: Gauge
  readonly #nowMs: () => number
  /** the main thread's part, asked for at `#askedMs` */
  #samples: Promise<MetricSample[] | null> = Promise.resolve(null)
  #askedMs = Number.NEGATIVE_INFINITY

  /**
   * @param link     whose streams are counted, and that reaches the main thread.
   * @param channels counts of the WebSockets.
   * @param nowMs    monotonic clock.
   */
  constructor(link: Link, channels: ChannelCounts, nowMs: () => number) {
    this.#link = link
    this.#nowMs = nowMs
    const registers = [this.#own]
    this.#requests = new Counter({
      name: 'pilotlight_http_requests_total',
      help: 'HTTP requests by route pattern and status',
      labelNames: ['method', 'route', 'status'],
      registers,
    })
    this.#seconds = new Histogram({
      name: 'pilotlight_http_request_seconds',
      help: 'Time from the head of a request to the end of its answer',
      labelNames: ['route'],
      buckets: BUCKETS_S,
      registers,
    })
    this.#mainUp = new Gauge({
      name: 'pilotlight_main_up',
      help: '1 if the main thread answered this scrape',
      registers,
    })
    new Gauge({
      name: 'pilotlight_http_streams',
      help: 'Open event streams',
      registers,
      collect() {
        this.set(link.streams)
      },
    })
    this.#addChannels(channels)
  }

  #addChannels(channels: ChannelCounts): void {
    const registers = [this.#own]
    const help = 'WebSockets of the channel'
    const gauge = { name: 'pilotlight_websocket_connections', help: `${help}: open`, registers }
    new Gauge({
      ...gauge,
      collect() {
        this.set(channels.open)
      },
    })
    const counts = (name: string, about: string, label: string, read: () => Record<string, number>) =>
      new Counter({
        name: `pilotlight_websocket_${name}_total`,
        help: `${help}: ${about}`,
        labelNames: [label],
        registers,
        collect() {
          this.reset()
          for (const [key, value] of Object.entries(read())) this.inc({ [label]: key }, value)
        },
      })
    counts('connections', 'opened, and closed for silence or because the session moved away', 'event', () => ({
      opened: channels.opened,
      silent: channels.silent,
      left: channels.left,
    }))
    counts('messages', 'datagrams taken from and given to clients', 'direction', () => ({
      in: channels.messagesIn,
      out: channels.messagesOut,
    }))
    counts('dropped', 'datagrams dropped, by reason', 'reason', () => channels.dropped)
  }

  /** Counts one answer. */
  count(request: FastifyRequest, reply: FastifyReply): void {
    const route = request.routeOptions.url ?? 'none'
    const method = request.routeOptions.url === undefined ? 'any' : request.method
    this.#requests.inc({ method, route, status: String(reply.statusCode) })
    this.#seconds.observe({ route }, reply.elapsedTime / 1000)
  }

  /**
   * Prometheus text, format 0.0.4. Without the main thread's part if that does not answer; it is asked ten times a second at
   * most, so that nobody can slow the devices by reading metrics.
   */
  async text(): Promise<string> {
    if (this.#nowMs() - this.#askedMs >= SAMPLE_EVERY_MS) {
      this.#askedMs = this.#nowMs()
      this.#samples = this.#link.metrics().catch(() => null)
    }
    const samples = await this.#samples
    this.#mainUp.set(samples === null ? 0 : 1)
    const own = await this.#own.metrics()
    return samples === null ? own : `${own}\n${await samplesText(samples)}`
  }

  /** Media type of `text`. */
  get contentType(): string {
    return this.#own.contentType
  }
}

/** Samples as Prometheus text. One that is not well formed, or differs from the first of its name, is left out. */
export async function samplesText(samples: readonly MetricSample[]): Promise<string> {
  const registry = new Registry()
  const metrics = new Map<string, Counter | Gauge>()
  const histograms = new Map<string, HistogramSample[]>()
  for (const sample of samples) {
    if (sample.type === 'histogram') {
      histograms.set(sample.name, [...(histograms.get(sample.name) ?? []), sample])
      continue
    }
    const { name, help, type, labels, value } = sample
    try {
      let metric = metrics.get(name)
      if (metric === undefined) {
        const shape = { name, help, labelNames: Object.keys(labels), registers: [registry] }
        metric = type === 'counter' ? new Counter(shape) : new Gauge(shape)
        metrics.set(name, metric)
      }
      metric.inc(labels, value)
    } catch {
      // A metric that cannot be shown must not take the others along.
    }
  }
  return [await registry.metrics(), ...[...histograms.values()].map(histogramText)].join('\n')
}

/** prom-client counts itself; this was counted elsewhere. @param samples of one name. */
function histogramText(samples: readonly HistogramSample[]): string {
  const { name, help } = samples[0] as HistogramSample
  const lines = samples.flatMap(({ bounds, counts, sum, labels }) => {
    const own = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    const labelled = (...more: string[]) => (own.length + more.length === 0 ? '' : `{${[...own, ...more].join(',')}}`)
    let below = 0
    const buckets = counts.map((count, index) => {
      below += count
      return `${name}_bucket${labelled(`le="${bounds[index] ?? '+Inf'}"`)} ${below}`
    })
    return [...buckets, `${name}_sum${labelled()} ${sum}`, `${name}_count${labelled()} ${below}`]
  })
  return [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`, ...lines, ''].join('\n')
}
