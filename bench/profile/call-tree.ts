/** From samples to who called whom, and to the parts of the server that the time belongs to. */
import type { FlameFrame } from '../scenario.js'
import type { CpuProfile, ProfileNode } from './cpu-profiler.js'

/** Where nothing runs. */
const IDLE = '(idle)'
/** Frames narrower than this share of the whole are left out. */
const SHARE_LEAST = 0.002

/** First match wins: which part a function belongs to, by its file; native functions have none, and count as their caller. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/\/dist\/(noise|crypto|native)\/|\/@noble\/|^wasm:|libsodium|node:internal\/crypto/, 'cryptography'],
  [/\/dist\/(packet|frame|session)\/|cbor-x/, 'packets, frames, sessions'],
  [/\/dist\/(endpoint|base)\//, 'endpoint, timers'],
  [/\/dist\/(hub|presence|ring|delivery|webhook)\//, 'hub'],
  [/better-sqlite3|\/dist\/store\//, 'store, SQLite'],
  [
    /\/dist\/(sidecar|pages)\/|fastify|find-my-way|pino|ajv|light-my-request|node:_http|node:internal\/http/,
    'HTTP, JSON',
  ],
  [/\/dist\/(io|cli|trace)\//, 'loop, sockets, threads'],
  [/^node:/, 'Node, libuv, kernel'],
]
/** What V8 samples outside of any function: libuv's loop, system calls of it, its own work. */
const OUTSIDE = 'outside of functions'
const COLLECTOR = { function: '(garbage collector)', part: 'garbage collection' }
/** All parts, as the legend has them. */
export const PART_NAMES: readonly string[] = [...PARTS.map(([, name]) => name), OUTSIDE, COLLECTOR.part]

interface Call {
  name: string
  part: string
  micros: number
  /** in this function itself */
  ownMicros: number
  /** by name and part */
  calls: Map<string, Call>
}

/** The calls of a profile, idle time left out. */
export class CallTree {
  readonly #root: Call

  /** @param name of what all calls stand on. */
  constructor({ nodes, samples, timeDeltas }: CpuProfile, name = 'main thread') {
    this.#root = { name, part: OUTSIDE, micros: 0, ownMicros: 0, calls: new Map() }
    const parents = new Map<number, ProfileNode>()
    const byId = new Map(nodes.map((node) => [node.id, node]))
    for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node)
    samples.forEach((id, index) => {
      const chain: ProfileNode[] = []
      for (let node = byId.get(id); node !== undefined; node = parents.get(node.id)) chain.unshift(node)
      if (chain.at(-1)?.callFrame.functionName === IDLE) return
      this.#add(chain.slice(1), timeDeltas[index] ?? 0)
    })
  }

  /** Time of the samples, us. */
  get micros(): number {
    return this.#root.micros
  }

  /** Share of each part, 0 to 1, by what was on top. */
  parts(): Map<string, number> {
    const shares = new Map<string, number>(PART_NAMES.map((name) => [name, 0]))
    visit(this.#root, (call) => shares.set(call.part, (shares.get(call.part) ?? 0) + call.ownMicros / this.micros))
    return shares
  }

  /** The functions with the most time of their own, and the share of it. */
  hottest(count: number): { name: string; part: string; share: number }[] {
    const own = new Map<string, { name: string; part: string; share: number }>()
    visit(this.#root, ({ name, part, ownMicros }) => {
      const entry = own.get(name + part) ?? { name, part, share: 0 }
      entry.share += ownMicros / this.micros
      own.set(name + part, entry)
    })
    return [...own.values()].sort((one, other) => other.share - one.share).slice(0, count)
  }

  /** Frames of the graph; of functions with one caller the widest stands on the left. */
  frames(): FlameFrame[] {
    const frames: FlameFrame[] = []
    const place = (call: Call, depth: number, from: number): void => {
      const to = from + call.micros / this.micros
      if (to - from < SHARE_LEAST) return
      frames.push({ name: call.name, part: call.part, depth, from, to })
      let at = from
      for (const next of [...call.calls.values()].sort((one, other) => other.micros - one.micros)) {
        place(next, depth + 1, at)
        at += next.micros / this.micros
      }
    }
    place(this.#root, 0, 0)
    return frames
  }

  #add(chain: readonly ProfileNode[], micros: number): void {
    let call = this.#root
    call.micros += micros
    for (const { callFrame } of chain) {
      const part = callFrame.functionName === COLLECTOR.function ? COLLECTOR.part : partOf(callFrame.url, call.part)
      const name = callFrame.functionName === '' ? '(anonymous)' : callFrame.functionName
      const key = `${name} ${part}`
      const next = call.calls.get(key) ?? { name, part, micros: 0, ownMicros: 0, calls: new Map() }
      call.calls.set(key, next)
      next.micros += micros
      call = next
    }
    call.ownMicros += micros
  }
}

function partOf(url: string, callersPart: string): string {
  if (url === '') return callersPart
  return PARTS.find(([pattern]) => pattern.test(url))?.[1] ?? callersPart
}

function visit(call: Call, see: (call: Call) => void): void {
  see(call)
  for (const next of call.calls.values()) visit(next, see)
}
