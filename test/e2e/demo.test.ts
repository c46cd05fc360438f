import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../support/root.js'
import { runProcess } from '../support/run-process.js'

t.test('the demo tells the whole main job as one JSON object', { timeout: 600_000 }, async (t) => {
  const main = join(ROOT, 'dist/cli/demo/main.js')
  const { stdout } = await runProcess('node', [main, '--once', '--json'])
  const result = JSON.parse(stdout)
  t.match(result, {
    ok: true,
    handshakeBytes: [120, 67],
    handshakesAfterRestart: 0,
    rings: { dismissed: 1, missed: 1, withdrawn: 1, acceptedAfterRestart: 1 },
  })
  t.ok(result.pingBytes > 0 && result.pingBytes <= 24, `ping of ${result.pingBytes} B`)
  t.ok(result.pongBytes > 0 && result.pongBytes <= 19, `pong of ${result.pongBytes} B`)
  t.ok(result.pingsAcceptedAfterRestart > 0)
  t.ok(result.rings.accepted > 0)
  const story = result.presence as { state: string; cause: string; version: number }[]
  t.same(
    story.map(({ state }) => state),
    ['online', 'away', 'offline', 'online', 'online'],
  )
  t.equal(story.at(-1)?.cause, 'restart')
  for (const [index, { version }] of story.entries()) t.ok(index === 0 || version > story[index - 1]!.version)
})
