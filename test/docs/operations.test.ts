/** `docs/operations.md` and the Grafana board against the metrics of a server that runs, both ways. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { COMMANDS } from '../../src/cli/commands/all.js'
import { flagName } from '../../src/cli/option.js'
import { startLocalServer } from '../support/local-server.js'
import { ROOT } from '../support/root.js'

const TEXT = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
const BOARD_FILE = readFileSync(join(ROOT, 'deploy/grafana.json'), 'utf8')
/** Left out where the kernel does not tell them, and without workers. */
const NOT_EVERYWHERE = [
  'pilotlight_udp_kernel_drops_total',
  'pilotlight_worker_dropped_total',
  'pilotlight_worker_loop_delay_seconds',
]

/** Names of labels by metric, as `/metrics` shows them. */
async function served(): Promise<Map<string, Set<string>>> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-'))
  const server = await startLocalServer(folder)
  try {
    const url = `http://127.0.0.1:${server.httpPort}`
    await (await fetch(`${url}/healthz`)).text() // one request is counted
    const text = await (await fetch(`${url}/metrics`)).text()
    const metrics = new Map([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => [name, new Set<string>()]))
    for (const [, sample = '', labels = ''] of text.matchAll(/^([a-z0-9_]+)(?:\{(.*)\})? /gm)) {
      const own = metrics.get(sample) ?? metrics.get(baseOf(sample))
      for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) own?.add(label)
    }
    return metrics
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The metric of a histogram's sample. */
function baseOf(sample: string): string {
  return sample.replace(/_(bucket|sum|count)$/, '')
}

t.test('metrics', async (t) => {
  const metrics = await served()
  const names = [...new Set([...metrics.keys(), ...NOT_EVERYWHERE])].sort()
  t.ok(names.length > 50)

  await t.test('docs/operations.md explains each, once', async (t) => {
    const tables = /<!-- metrics -->\n([\s\S]*?)\n<!-- end -->/.exec(TEXT)?.[1] ?? ''
    const rows = tables.split('\n').filter((line) => line.startsWith('| `'))
    const explained = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([a-z0-9_]+)`/g)].map(([, n]) => n),
    )
    t.same(explained.sort(), names)
    for (const row of rows) t.match(row, /^\|[^|]+\|[^|]{3,}\|[^|]{3,}\|$/, 'what it means, and when to worry')
    const elsewhere = [...TEXT.matchAll(/`(pilotlight_[a-z0-9_]+)`/g)].map(([, name = '']) => name)
    for (const name of elsewhere) if (name !== 'pilotlight_hub_') t.ok(names.includes(name), name)
  })

  await t.test('deploy/grafana.json asks for what there is', async (t) => {
    const asked = [...BOARD_FILE.matchAll(/pilotlight_[a-z0-9_]+/g)].map(([name]) => name)
    for (const name of new Set(asked)) t.ok(names.includes(name) || metrics.has(baseOf(name)), name)
    for (const [, by = '', name = ''] of BOARD_FILE.matchAll(
      /by \(([a-z, ]+)\) \((?:rate\()?(pilotlight_[a-z0-9_]+)/g,
    )) {
      const labels = metrics.get(name) ?? metrics.get(baseOf(name))
      for (const label of by.split(', ')) t.ok(labels?.has(label), `${name} has ${label}`)
    }
  })
})

interface Panel {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: { uid: string }
  targets?: { refId: string; expr: string; legendFormat: string }[]
}

t.test('deploy/grafana.json is a board that Grafana can draw', async (t) => {
  const board = JSON.parse(BOARD_FILE) as {
    schemaVersion: number
    uid: string
    panels: Panel[]
    templating: { list: { name: string }[] }
  }
  const { panels } = board
  t.ok(board.schemaVersion >= 36 && board.uid !== '')
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'an id each')
  t.equal(new Set(panels.map(({ title }) => title)).size, panels.length, 'a title each')
  const variables = board.templating.list.map(({ name }) => name)
  const taken = new Set<string>()
  for (const { type, title, gridPos, datasource, targets = [] } of panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        t.notOk(x >= 24 || taken.has(`${x},${y}`), `${title} has its place to itself`)
        taken.add(`${x},${y}`)
      }
    }
    if (type === 'row') continue
    t.ok(['stat', 'timeseries'].includes(type))
    t.match(datasource?.uid, /^\$\{datasource\}$/, title)
    t.ok(targets.length > 0, title)
    t.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length)
    for (const { expr, legendFormat } of targets) {
      for (const [, name = ''] of expr.matchAll(/\$(?!__)([a-z]+)/g))
        t.ok(variables.includes(name), `$${name} is chosen`)
      t.equal(expr.split('(').length, expr.split(')').length, expr)
      const grouped = /by \(([a-z, ]+)\)/.exec(expr)?.[1]?.split(', ') ?? []
      for (const label of grouped.filter((label) => label !== 'le')) t.match(legendFormat, `{{${label}}}`, title)
    }
  }
})

t.test('options and commands that docs/operations.md names are there', async (t) => {
  const serve = COMMANDS.find(({ name }) => name === 'serve')!
  const flags = Object.keys(serve.options).map(flagName)
  const others = ['config', 'force', 'data', 'devices', 'help']
  const code = [...TEXT.matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text)
  for (const text of code.filter((text) => text.startsWith('--'))) {
    const [, flag = ''] = /^--([a-z-]+)/.exec(text) ?? []
    t.ok(flags.includes(flag) || others.includes(flag), text)
  }
  for (const text of code.filter((text) => text.startsWith('pilotlight '))) {
    const words = text.split(' ').slice(1)
    const isThere = COMMANDS.some(({ name }) => words.join(' ').startsWith(name))
    t.ok(isThere, text)
  }
})
