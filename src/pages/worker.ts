/** Entry of the worker thread that serves the API and the pages. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { runSidecar, type WorkerInput } from '../sidecar/run.js'
import { addPages } from './pages.js'

if (!isMainThread && parentPort !== null) await runSidecar(parentPort, workerData as WorkerInput, addPages)
