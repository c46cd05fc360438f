/** The applications of the person's list: who sees them, how, and when. */
import type { AppView, DeviceView } from '../client/browser/index.js'
import type { AppNames } from './app-names.js'
import { made, part, Rows, say, show } from './dom.js'
import { Hours } from './hours.js'
import type { Panel, Section } from './panel.js'

/** What an application sees, as one word of the page. */
function sightOf({ visible, appearOffline, blocked, toldRevoked, hours }: AppView): string {
  if (toldRevoked) return 'app-revoked'
  if (blocked) return 'app-blocked'
  if (!visible) return 'app-hidden'
  if (appearOffline) return 'app-offline'
  return hours.length > 0 ? 'app-hours' : 'app-sees'
}

export class Apps implements Section {
  readonly #panel: Panel
  readonly #names: AppNames
  readonly #rows: Rows<AppView>
  readonly #hours = new Map<string, Hours>()

  constructor(panel: Panel, names: AppNames) {
    this.#panel = panel
    this.#names = names
    this.#rows = new Rows(
      part(panel.root, 'apps'),
      (app) => this.#make(app),
      (row, app) => this.#update(row, app),
    )
  }

  show({ apps, zone }: DeviceView): void {
    this.#rows.show(apps, ({ app }) => app)
    show(this.#panel.root, 'no-apps', apps.length === 0)
    for (const { app, hours } of apps) this.#hours.get(app)?.show(hours, zone)
  }

  #make({ app }: AppView): HTMLElement {
    const { root, device } = this.#panel
    const row = made(root, 'app')
    row.dataset['app'] = app
    this.#names.fill(part(row, 'app-name'), app)
    const toggle = (name: string, change: (isOn: boolean) => Promise<unknown>) => {
      const box = part<HTMLInputElement>(row, name)
      box.addEventListener('change', () => void this.#panel.attempt(() => change(box.checked), 'saved'))
    }
    toggle('app-visible', (isOn) => (isOn ? device.run('allow', { app }) : device.run('deny', { app })))
    toggle('app-appear-offline', (appearOffline) => device.run('allow', { app, appearOffline }))
    toggle('app-share-messages', (shareMessages) => device.run('allow', { app, shareMessages }))
    const button = (name: string, deed: () => Promise<unknown>, done: string) => {
      part(row, name).addEventListener('click', () => void this.#panel.attempt(deed, done))
    }
    button('app-rotate', () => device.run('rotate', { app }), 'rotated')
    button('app-forget', () => device.run('forget', { app }), 'taken-back')
    button('app-revoke', () => device.run('revoke', { app }), 'taken-back')
    button('app-block', () => device.run('block', { app }), 'blocked')
    button('app-remove', () => device.run('forget', { app }), 'saved')
    this.#hours.set(app, new Hours(this.#panel, row, app))
    return row
  }

  #update(row: HTMLElement, view: AppView): void {
    say(row, 'app-sight', this.#panel.words(sightOf(view)))
    const isOver = view.toldRevoked || view.blocked
    show(row, 'app-settings', !isOver)
    show(row, 'app-over', isOver)
    part<HTMLInputElement>(row, 'app-visible').checked = view.visible
    part<HTMLInputElement>(row, 'app-appear-offline').checked = view.appearOffline
    part<HTMLInputElement>(row, 'app-share-messages').checked = view.shareMessages
  }
}
