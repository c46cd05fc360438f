import { join } from 'node:path'
import t, { type Test } from 'tap'
import { launchChromium, noChromium } from '../support/chromium.js'
import { ROOT } from '../support/root.js'
import { Talk } from './command.js'

/** A reader in the browser: Ada's panel, a device of hers, a ring. */
async function beAda(t: Test, links: { panel: string; code: string; chat: string }): Promise<void> {
  const context = await (await launchChromium(t)).newContext({ locale: 'en' })
  context.setDefaultTimeout(120_000)
  const panel = await context.newPage()
  await panel.goto(links.panel)
  await panel.fill('input[name=code]', links.code)
  await panel.click('main button')
  await panel.fill('[data-part=enrol] input', 'Reader')
  await panel.click('[data-part=enrol] button')
  await panel.locator('[data-app] [data-part=app-name]').filter({ hasText: 'Chat' }).waitFor()
  await panel.click('[data-part=ring-me]')
  await panel.locator('[data-part=ring-title]', { hasText: 'A test ring' }).waitFor()
  await panel.click('[data-part=dismiss]')
  await panel.locator('[data-part=ring-ended]', { hasText: 'was dismissed' }).waitFor()
  const chat = await context.newPage()
  await chat.goto(links.chat)
  await chat.getByRole('button', { name: 'Ring me' }).click()
  await chat.getByText('It rings.').waitFor()
  await panel.bringToFront()
  const opened = context.waitForEvent('page')
  await panel.click('[data-part=accept]')
  await (await opened).getByText('You are in the call.').waitFor()
}

t.test(
  'the demo tells the whole main job as one JSON object, and lets a reader take part',
  { timeout: 600_000 },
  async (t) => {
    // Where no browser is, it ends by itself.
    const demo = new Talk(t, 'node', [join(ROOT, 'dist/cli/demo/main.js'), noChromium ? '--once' : '--stay', '--json'])
    const [line] = await demo.sees(/^\{"ok":.*\n/m)
    const result = JSON.parse(line)
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
    if (noChromium) {
      t.equal(await demo.ended, 0)
      return
    }
    await beAda(t, JSON.parse((await demo.sees(/^\{"panel":.*\n/m))[0]))
    demo.kill('SIGINT')
    t.equal(await demo.ended, 130)
  },
)
