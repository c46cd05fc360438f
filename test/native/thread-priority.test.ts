import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { Nicer } from '../../src/native/thread-priority.js'

const MODULE = new URL('../../src/native/thread-priority.js', import.meta.url).href
/** Of proc_pid_stat(5), counted after the name in parentheses. */
const NICE_FIELD = 16

function niceOfThisThread(): number {
  return niceIn(readFileSync('/proc/thread-self/stat', 'utf8'))
}

function niceIn(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[NICE_FIELD])
}

/** What the kernel says of a thread that was told to yield so often. */
async function niceOfThreadThatYields(nicer: number, times: number): Promise<number> {
  const code = `
    const { readFileSync } = require('node:fs')
    const { parentPort } = require('node:worker_threads')
    import(${JSON.stringify(MODULE)}).then(({ yieldToMainThread }) => {
      for (let time = 0; time < ${times}; time++) yieldToMainThread(${nicer})
      parentPort.postMessage(readFileSync('/proc/thread-self/stat', 'utf8'))
    })`
  const worker = new Worker(code, { eval: true })
  return new Promise((resolve, reject) => {
    worker.on('message', (stat: string) => resolve(niceIn(stat)))
    worker.on('error', reject)
  })
}

const skip = process.platform !== 'linux' && 'threads have priorities on Linux only'

t.test('a thread that yields is nicer than the main thread, which stays as it was', { skip }, async (t) => {
  const ours = niceOfThisThread()
  t.equal(await niceOfThreadThatYields(Nicer.store, 1), Math.min(19, ours + Nicer.store))
  t.equal(await niceOfThreadThatYields(Nicer.http, 1), Math.min(19, ours + Nicer.http))
  t.equal(await niceOfThreadThatYields(Nicer.http, 8), 19, 'there is nothing above 19')
  t.equal(niceOfThisThread(), ours)
})
