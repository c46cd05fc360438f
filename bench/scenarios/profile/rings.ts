/** Rings at a steady rate: what each thread of the server does, and how much CPU it takes. */
import { type Stage, settleAll } from '../../ours/stage.js'
import { canPin, pinProcess } from '../../peers/program.js'
import { threadCpuMicros } from '../../process-usage.js'
import type { CpuProfile } from '../../profile/cpu-profiler.js'
import { RingingApps } from '../ring/ours.js'

/** Applications: each may ask 100 times a second. */
export const RING_APPS = 40
/** Of the rings that come before. */
const WARM_PER_SECOND = 400
const OTHERS = 'others'

/** CPU time of one thread. */
export interface ThreadUse {
  name: string
  microsPerRing: number
  /** of one core, 0 to 1 */
  cores: number
}

/** How many, how long. */
export interface RingsPlan {
  perSecond: number
  seconds: number
  /** rings before, which are not looked at */
  warm: number
  sampleMicros: number
}

/** Rings twice for so long: once to read CPU times, once with profiles of all threads that run JavaScript. */
export async function profileRings(
  { facts, server, load, ...stage }: Stage,
  { perSecond, seconds, warm, sampleMicros }: RingsPlan,
): Promise<{ profiles: Map<string, CpuProfile>; threads: ThreadUse[] }> {
  if (canPin()) pinProcess(load.pid, 1)
  await settleAll(load, 0, facts.devices)
  await load.call('setRings', 'accept')
  const apps = new RingingApps({ facts, server, load, ...stage })
  const profiler = await server.profiler()
  const ring = () => apps.run({ perSecond, calls: perSecond * seconds })
  try {
    await profiler.addWorkers()
    await apps.listen()
    await apps.run({ perSecond: WARM_PER_SECOND, calls: warm })
    const names = new Map([...(await profiler.threadIds())].map(([name, id]) => [id, name]))
    const [before, startMs] = [threadCpuMicros(server.pid), performance.now()]
    const { calls } = await ring()
    const [after, passedMs] = [threadCpuMicros(server.pid), performance.now() - startMs]
    await profiler.start(sampleMicros)
    await ring()
    const profiles = await profiler.stop()
    const micros = new Map([...names.values(), OTHERS].map((name) => [name, 0]))
    for (const [id, us] of after ?? []) {
      const name = names.get(id) ?? OTHERS
      micros.set(name, (micros.get(name) ?? 0) + us - (before?.get(id) ?? 0))
    }
    const threads = [...micros].map(([name, us]) => ({ name, microsPerRing: us / calls, cores: us / 1000 / passedMs }))
    return { profiles, threads }
  } finally {
    profiler.close()
    apps.close()
  }
}
