// Part of `npm run build`: docs/guides as HTML for the pages, in `dist/guides`. Done here, so that a server needs no Markdown.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Marked } from 'marked'

const root = fileURLToPath(new URL('..', import.meta.url))
const from = join(root, 'docs/guides')
const to = join(root, 'dist/guides')
const names = readdirSync(from).filter((name) => name.endsWith('.md'))

/** Where a link leads on a server: the guides and the list of errors are there, and nothing else of docs. */
function pageOf(href) {
  if (/^https:\/\//.test(href)) return href
  if (href === '../errors.md') return '/errors'
  if (names.includes(href)) return `/guides/${basename(href, '.md')}`
  throw new Error(`a guide links to ${href}, which no server has`)
}

const marked = new Marked({
  async: false,
  walkTokens(token) {
    if (token.type === 'link') token.href = pageOf(token.href)
    if (token.type === 'html') throw new Error(`a guide has HTML: ${token.raw}`)
  },
  hooks: {
    // What may be wider than the screen is moved by keys too.
    postprocess: (html) => html.replaceAll('<pre>', '<pre tabindex="0">').replaceAll('<table>', '<table tabindex="0">'),
  },
})

rmSync(to, { recursive: true, force: true })
mkdirSync(to, { recursive: true })
for (const name of names) {
  const [, title, text] = /^# ([^\n]+)\n(.*)$/s.exec(readFileSync(join(from, name), 'utf8'))
  const guide = { title, html: marked.parse(text) }
  writeFileSync(join(to, `${basename(name, '.md')}.json`), JSON.stringify(guide))
}
