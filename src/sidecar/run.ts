/**
 * What a worker thread of the sidecar does. It shares nothing with the main thread but messages; an error that nobody
 * catches ends this thread only.
 */
import type { MessagePort } from 'node:worker_threads'
import { pino } from 'pino'
import { MessageBatch } from '../base/message-batch.js'
import { Nicer, yieldToMainThread } from '../native/thread-priority.js'
import { type AppSurroundings, buildApp } from './app.js'
import { Channels } from './channel/channels.js'
import { Link } from './link.js'
import { ListenError, type Listeners, listen } from './listen.js'
import type { FromSidecar, ToSidecar } from './message.js'
import { type SidecarOptions, type SidecarSettings, sidecarSettings } from './options.js'

/** What `startSidecar` hands over. */
export interface WorkerInput {
  options: SidecarOptions
  firstNumber: number
}

/**
 * Serves until it is told to stop.
 *
 * @param port     to the main thread.
 * @param addPages what is served beside the API.
 */
export async function runSidecar(
  port: MessagePort,
  { options, firstNumber }: WorkerInput,
  addPages: AppSurroundings['addPages'] = async () => {},
): Promise<void> {
  yieldToMainThread(Nicer.http)
  const settings = sidecarSettings(options)
  // What the requests of one turn of the event loop ask goes together.
  const batch = new MessageBatch<FromSidecar>(
    (messages) => port.postMessage(messages),
    (flush) => void setImmediate(flush),
  )
  const post = (message: FromSidecar) => batch.push(message)
  const close = () => {
    batch.flush()
    port.close()
  }
  const link = new Link({ post, firstNumber, answerTimeoutMs: settings.answerTimeoutMs })
  const nowMs = () => performance.now()
  const channels = new Channels({ settings, post, nowMs, firstNumber })
  let lastUse = performance.eventLoopUtilization()
  const busyShare = () => {
    const before = lastUse
    lastUse = performance.eventLoopUtilization()
    return performance.eventLoopUtilization(lastUse, before).utilization
  }
  const log = pino.destination({ fd: settings.logFd, sync: false })
  const started = open(settings, link, { log, nowMs, busyShare, channels, addPages }).catch((error: unknown) => {
    post({ kind: 'failed', ...failure(error) })
    close() // nothing else keeps the thread
    return null
  })
  const stop = async () => {
    const listeners = await started
    link.stop()
    channels.stop()
    await listeners?.close(settings.stopGraceMs)
    link.close()
    log.flushSync()
    close()
  }
  const take = (message: ToSidecar) => {
    if (!channels.take(message)) link.handle(message)
    if (message.kind === 'ready' && message.state === 'ready') post({ kind: 'serving' })
    if (message.kind === 'stop') void stop()
  }
  port.on('message', (messages: ToSidecar[]) => messages.forEach(take))
  const listeners = await started
  if (listeners !== null) post({ kind: 'listening', addresses: listeners.addresses })
}

async function open(settings: SidecarSettings, link: Link, surroundings: AppSurroundings): Promise<Listeners> {
  const app = await buildApp(settings, link, surroundings)
  return listen(settings, app.routing)
}

function failure(error: unknown): { code: ListenError['code']; message: string } {
  if (error instanceof ListenError) return { code: error.code, message: error.message }
  const message = error instanceof Error ? error.message : 'unknown'
  // Addresses of proxies are the only option that is compiled while the application is built.
  if (/invalid (IP address|range)/i.test(message)) return { code: 'bad-option', message: `trusted proxies: ${message}` }
  return { code: 'start-failed', message }
}
