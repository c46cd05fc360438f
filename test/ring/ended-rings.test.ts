import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { EndedRings } from '../../src/ring/ended-rings.js'

function kept(max: number) {
  const dropped: string[] = []
  const rings = new EndedRings(max, (id) => dropped.push(String(id[0])))
  let count = 0
  const add = (app: number, untilMs = 1000) => {
    const name = `${app}/${++count}`
    rings.setKey(`key ${name}`, name)
    rings.add(name, { row: new Uint8Array(1), app, id: Uint8Array.of(count), idempotency: `key ${name}`, untilMs })
    return name
  }
  const has = (name: string) => rings.get(name, 0) !== null
  return { rings, add, has, dropped }
}

t.test('an application that rings without end pushes out its own rings, not those of others', (t) => {
  const { rings, add, has } = kept(100)
  const others = [2, 3, 3, 4].map((app) => add(app))
  const own = Array.from({ length: 500 }, () => add(1))
  t.equal(rings.size, 100)
  t.ok(others.every(has))
  t.same(own.filter(has), own.slice(-96), 'its newest stay')
  t.ok(others.every((name) => rings.byKey(`key ${name}`) === name))
  t.equal(rings.byKey(`key ${own[0]}`), null)
  t.end()
})

t.test('what is forgotten is dropped from the store, once', (t) => {
  const { rings, add, dropped } = kept(2)
  for (const app of [1, 2, 1, 2]) add(app)
  t.same(dropped, ['1', '2'], 'the oldest of the one that has most')
  rings.expire(1000)
  t.same(dropped, ['1', '2', '3', '4'])
  t.equal(rings.size, 0)
  add(1)
  t.equal(rings.size, 1)
  t.end()
})

t.test('the largest share loses, whatever came before', (t) => {
  const random = new SeededRandom('ended')
  const { rings, add, has } = kept(40)
  const model: { app: number; name: string; untilMs: number }[] = []
  for (let step = 0; step < 3000; step++) {
    if (random.int(20) === 0) {
      const nowMs = random.int(3000)
      rings.expire(nowMs)
      for (const one of model.filter(({ untilMs }) => untilMs <= nowMs)) model.splice(model.indexOf(one), 1)
    } else {
      const app = random.int(random.int(6) + 1)
      const untilMs = 1 + random.int(3000)
      model.push({ app, name: add(app, untilMs), untilMs })
      if (model.length > 40) {
        const sizes = new Map<number, number>()
        for (const one of model) sizes.set(one.app, (sizes.get(one.app) ?? 0) + 1)
        const most = Math.max(...sizes.values())
        const gone = model.filter((one) => sizes.get(one.app) === most && !has(one.name))
        t.equal(gone.length, 1)
        t.equal(
          model.find(({ app: each }) => each === gone[0]?.app),
          gone[0],
          'its oldest',
        )
        model.splice(model.indexOf(gone[0] as (typeof model)[number]), 1)
      }
    }
    if (rings.size !== model.length || !model.every(({ name }) => has(name))) t.fail(`step ${step}`)
  }
  t.end()
})
