// Preloaded (`--import`) into every thread of a server: worker 1 of the channel throws when the file that
// BREAK_WORKER names appears.
import { existsSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { isMainThread, workerData } from 'node:worker_threads'

const file = process.env.BREAK_WORKER ?? ''
if (!isMainThread && workerData?.share?.index === 1) {
  watch(dirname(file), () => {
    if (existsSync(file)) throw new Error('broken by the test')
  }).unref()
}
