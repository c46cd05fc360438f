/** Entry of the thread that sends webhooks. It shares nothing with the main thread but messages. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Nicer, yieldToMainThread } from '../native/thread-priority.js'
import type { Send, SendResult } from '../webhook/message.js'
import { systemResolve } from './resolve.js'
import { Sender } from './sender.js'

/** What the thread is started with. */
export interface WorkerInput {
  mayBePrivate: boolean
  userAgent: string
}

/** To the thread: requests to be made; null ends it. */
export type ToDelivery = Send[] | null

/** From the thread: what came of requests. */
export type FromDelivery = SendResult[]

if (!isMainThread && parentPort !== null) run(parentPort, workerData as WorkerInput)

function run(port: NonNullable<typeof parentPort>, input: WorkerInput): void {
  yieldToMainThread(Nicer.http)
  const sender = new Sender({
    ...input,
    resolve: systemResolve(),
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    after(ms, act) {
      const timer = setTimeout(act, ms)
      return () => clearTimeout(timer)
    },
  })
  let results: SendResult[] = []
  const post = () => {
    port.postMessage(results satisfies FromDelivery)
    results = []
  }
  const done = (result: SendResult) => {
    if (results.push(result) === 1) setImmediate(post)
  }
  port.on('message', (message: ToDelivery) => {
    if (message === null) {
      sender.close()
      port.close()
      process.exit(0) // requests under way are made again after the next start
    }
    for (const send of message) void sender.send(send).then(done)
  })
}
