/** From a profile's samples to the flame graph. */
import t from 'tap'
import { flameSvg } from '../../bench/flame.js'
import { CallTree, PART_NAMES } from '../../bench/profile/call-tree.js'
import type { CpuProfile } from '../../bench/profile/cpu-profiler.js'

const node = (id: number, functionName: string, url: string, ...children: number[]) => ({
  id,
  callFrame: { functionName, url, lineNumber: 0 },
  children,
})

/** 60 us in a DH, 10 in the endpoint that called it, 20 in the collector, 10 outside of all, and 900 idle. */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(root)', '', 2, 5, 6, 7),
    node(2, 'handle<Datagram>', 'file:///x/dist/endpoint/endpoint.js', 3),
    node(3, 'sharedSecret', 'file:///x/dist/native/crypto-node.js', 4),
    node(4, 'statelessDH', ''),
    node(5, '(garbage collector)', ''),
    node(6, '(idle)', ''),
    node(7, '(program)', ''),
  ],
  samples: [4, 2, 6, 5, 7, 4],
  timeDeltas: [40, 10, 900, 20, 10, 20],
}

t.test('each part has the time that was its own; native functions count as their caller', async (t) => {
  const tree = new CallTree(PROFILE)
  t.equal(tree.micros, 100)
  t.same(
    [...tree.parts()].filter(([, share]) => share > 0).map(([part, share]) => [part, Math.round(share * 100)]),
    [
      ['cryptography', 60],
      ['endpoint, timers', 10],
      ['outside of functions', 10],
      ['garbage collection', 20],
    ],
  )
  t.match(tree.hottest(1), [{ name: 'statelessDH', part: 'cryptography', share: 0.6 }])
})

t.test('a frame stands on its caller, and is as wide as its share', async (t) => {
  const frames = new CallTree(PROFILE).frames()
  const of = (name: string) => frames.find((frame) => frame.name === name)
  t.match(of('main thread'), { depth: 0, from: 0, to: 1 })
  t.match(of('handle<Datagram>'), { depth: 1, from: 0, to: 0.7 })
  t.match(of('sharedSecret'), { depth: 2, from: 0, to: 0.6 })
  t.match(of('statelessDH'), { depth: 3, from: 0, to: 0.6 })
  t.equal(of('(idle)'), undefined)
})

t.test('the graph is an SVG with names escaped, the same each time', async (t) => {
  const graph = { name: 'x', title: 'Where <time> goes', parts: PART_NAMES, frames: new CallTree(PROFILE).frames() }
  const svg = flameSvg(graph)
  t.equal(flameSvg(graph), svg)
  t.match(svg, '<title>Where &lt;time&gt; goes</title>')
  t.match(svg, 'handle&lt;Datagram&gt;')
  t.match(svg, 'statelessDH')
  t.notMatch(svg, '(idle)')
})
