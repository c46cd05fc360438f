/**
 * `generator-process.js`: the clients of one peer. Orders come as JSON lines on stdin, answers go to stdout in the same
 * order. It ends with its stdin.
 */
import { createInterface } from 'node:readline'
import { CallLoad } from './call-load.js'
import { Fleet } from './fleet.js'
import type { Answer, Order } from './generator.js'
import { SPEECHES } from './speech/all.js'

let fleet: Fleet | null = null
let calls: CallLoad | null = null

for await (const line of createInterface({ input: process.stdin })) {
  tell(await obey(JSON.parse(line)).catch((error: Error) => ({ kind: 'failed', why: error.message })))
}
process.exit(0)

async function obey(order: Order): Promise<Answer> {
  switch (order.kind) {
    case 'connect': {
      const speech = SPEECHES[order.speech]
      fleet ??= new Fleet({ host: '127.0.0.1', port: order.port }, speech, order.transport)
      await fleet.connect(order.clients, (connected) => tell({ kind: 'progress', connected }))
      return { kind: 'done' }
    }
    case 'load':
      return { kind: 'loaded', facts: await fleet!.load(order.plan) }
    case 'calls': {
      calls ??= new CallLoad(fleet!.links, SPEECHES[order.speech])
      return { kind: 'called', facts: await calls.run(order.plan) }
    }
  }
}

function tell(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
