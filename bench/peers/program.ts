/** Programs that the harness starts, and ends whatever happens. */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, connect as dial, Server } from 'node:net'
import { BenchError } from '../bench-error.js'

/** A server that listens has so long to do so, ms. */
const START_MS = 20_000
const LOOK_MS = 20
/** A program that was asked to end is killed after, ms. */
const STOP_MS = 5_000
/** Of what a program says on stderr, the end is kept for a complaint, characters. */
const SAID_MAX = 600

/** Children that run; none outlives this process. */
const running = new Set<ChildProcess>()
let isArmed = false

/** A program that runs. */
export interface Program {
  pid: number
  /** settles when it is gone */
  stop(): Promise<void>
}

/** A child with its pipes. */
export interface Child extends Program {
  process: ChildProcess
  /** what it said last on stderr */
  said(): string
}

/** Runs the words on one core where `taskset` is there and the machine has it; else anywhere. */
export function pinned(core: number | null, words: readonly string[]): readonly string[] {
  return core === null ? words : ['taskset', '-c', String(core), ...words]
}

/** A compiled entry of ours as words of a command. */
export function nodeWords(entry: string, ...rest: readonly string[]): readonly string[] {
  return [process.execPath, entry, ...rest]
}

/**
 * Starts a program. Its stderr is read; stdin and stdout are as asked.
 *
 * @param core to run it on, null for any.
 */
export function startProgram(
  words: readonly string[],
  {
    core = null,
    stdio = ['ignore', 'ignore'],
  }: { core?: number | null; stdio?: ['ignore' | 'pipe', 'ignore' | 'pipe'] } = {},
): Child {
  const [command, ...rest] = pinned(core, words)
  const options: SpawnOptions = { stdio: [...stdio, 'pipe'] }
  const child = spawn(command!, rest, options)
  arm()
  running.add(child)
  let said = ''
  child.on('error', (error) => {
    said += error.message
  })
  child.on('exit', () => running.delete(child))
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID_MAX)
  })
  return { process: child, pid: child.pid ?? 0, said: () => said.trim(), stop: () => stopChild(child) }
}

/** Starts a server and waits until it takes connections (TCP), or its socket is bound (UDP). */
export async function startServer(
  words: readonly string[],
  { port, transport, core = null }: { port: number; transport: 'tcp' | 'udp'; core?: number | null },
): Promise<Program> {
  const child = startProgram(words, { core })
  const untilMs = performance.now() + START_MS
  const isThere = transport === 'tcp' ? canDial : isBound
  while (!(await isThere(port))) {
    const { exitCode, signalCode } = child.process
    if (child.pid === 0 || exitCode !== null || signalCode !== null || performance.now() > untilMs) {
      await child.stop()
      throw new BenchError(`${words[0]} did not start: ${child.said() || 'it said nothing'}`, 1)
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  return child
}

/** What a program prints when asked for its version, or null where it is not installed. */
export function versionText(command: string, ...words: readonly string[]): string | null {
  const { stdout, stderr, error } = spawnSync(command, words, { encoding: 'utf8', timeout: START_MS })
  if (error !== undefined) return null
  return `${stdout}${stderr}`
}

/** Ports below those that systems hand out by themselves: no client can get one while its server is being started again. */
const PORTS = { least: 10_000, most: 32_767 }

/** A port of this address that nobody has, and that nobody is given who asks for any. @param host default 127.0.0.1. */
export async function freePort(transport: 'tcp' | 'udp', host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.least, PORTS.most + 1)
    if (await canBind(transport, host, port)) return port
  }
}

async function canBind(transport: 'tcp' | 'udp', host: string, port: number): Promise<boolean> {
  const isIpv6 = host.includes(':')
  const socket = transport === 'udp' ? createSocket(isIpv6 ? 'udp6' : 'udp4') : createServer()
  try {
    if (socket instanceof Server) socket.listen(port, host)
    else socket.bind(port, host)
    await once(socket, 'listening')
  } catch (error) {
    if (Reflect.get(error as Error, 'code') === 'EADDRINUSE') return false
    throw error
  }
  const closed = once(socket, 'close')
  socket.close()
  await closed
  return true
}

/** Whether processes can be kept on a core here. */
export function canPin(): boolean {
  try {
    execFileSync('taskset', ['-c', '1', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Moves a process that runs, with all its threads, to one core. */
export function pinProcess(pid: number, core: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' })
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await ended
  clearTimeout(timer)
}

function canDial(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Somebody else has the port when it cannot be bound. */
function isBound(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => {
      socket.close()
      resolve(true)
    })
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(false)))
  })
}

/** On Ctrl-C, on an error, at the end: what still runs is killed, each by its number. */
function arm(): void {
  if (isArmed) return
  isArmed = true
  const killAll = () => {
    for (const child of running) child.kill('SIGKILL')
  }
  process.on('exit', killAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAll()
      process.exit(130)
    })
  }
}
