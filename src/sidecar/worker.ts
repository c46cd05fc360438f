/** Entry of a worker thread that serves the API alone; the server's own has the pages too (`pages/worker`). */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { runSidecar, type WorkerInput } from './run.js'

if (!isMainThread && parentPort !== null) await runSidecar(parentPort, workerData as WorkerInput)
