/** After the story: the server stays, and the reader is Ada in a browser, until Ctrl-C. */
import { ChatPage } from './chat-page.js'
import type { Stage } from './stage.js'
import { ADA_PHONE, type Cast } from './story.js'

/** Time to look at a ring before it is missed, s. */
const RING_S = 60

/** What a reader needs. */
export interface Links {
  panel: string
  /** one-time, to sign in as Ada */
  code: string
  /** the page with the button */
  chat: string
}

/**
 * Opens Chat's page, for as long as the process lives, and makes a code for Ada. Her phone gives her list to the browser as soon as that asks.
 *
 */
export async function stay(stage: Stage, { ada }: Cast): Promise<Links> {
  const { timeline } = stage
  let outcome = ''
  const page = new ChatPage({
    outcome: () => outcome,
    async ring(url) {
      const ring = await stage.service.ring(ada, 'Ben is calling', RING_S, url)
      outcome = 'It rings.'
      void ring.outcome().then(
        ({ state }) => {
          outcome = `The last ring was ${state}.`
          timeline.line('AppService', `the ring was ${state}`)
        },
        () => {},
      )
    },
  })
  await page.open()
  const { code } = await stage.run(['account', 'code', stage.adaAccount, '--data', stage.data, '--json'])
  void confirmOffers(stage)
  return { panel: `${stage.url}/panel`, code: String(code), chat: page.url }
}

/** What a reader is told. */
export function stayLines({ panel, code, chat }: Links): string[] {
  return [
    '',
    'Be Ada, in your browser:',
    `  1. ${panel}  sign in with ${code}, and make the browser a device`,
    `  2. ${chat}  press "Ring me", and see it arrive in the panel`,
    'Ctrl-C ends it.',
  ]
}

/** Ada compares the codes. Ends with her phone. */
async function confirmOffers(stage: Stage): Promise<void> {
  const { child } = stage.phone(ADA_PHONE)
  const isOffer = ({ event }: Record<string, unknown>) => event === 'key-offer'
  child.skip()
  try {
    for (;;) {
      const { name, code } = await child.next('a browser', isOffer, Infinity)
      stage.timeline.line(ADA_PHONE, `"${name}" asks for the list and shows ${code}: Ada confirms`)
      child.type('confirm')
    }
  } catch {
    // The demo ends.
  }
}
