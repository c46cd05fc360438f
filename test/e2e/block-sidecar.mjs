// Preloaded into a server: its HTTP thread stands still for as long as the file named by BLOCK_SIDECAR exists.
import { existsSync, writeFileSync } from 'node:fs'
import { isMainThread, workerData } from 'node:worker_threads'

const file = process.env.BLOCK_SIDECAR
if (!isMainThread && workerData?.firstNumber !== undefined) {
  const cell = new Int32Array(new SharedArrayBuffer(4))
  setInterval(() => {
    if (!existsSync(file)) return
    writeFileSync(`${file}.stands`, '')
    while (existsSync(file)) Atomics.wait(cell, 0, 0, 5)
  }, 5).unref()
}
