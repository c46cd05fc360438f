// Events of an application as they happen, the newest first. Text goes in as text.
const ROWS_MAX = 50
for (const list of document.querySelectorAll('[data-tail]')) {
  const source = new EventSource(list.dataset.tail)
  const add = (type, { data }) => {
    const { mode, state, puid, id, message, cause, reason } = JSON.parse(data)
    const row = document.createElement('li')
    const about = type === 'ring' ? [id.slice(0, 8), reason] : [puid.slice(0, 12), cause, message]
    const parts = [new Date().toLocaleTimeString(), mode, type, state, ...about.filter(Boolean)]
    row.textContent = parts.join('  ')
    list.prepend(row)
    list.children[ROWS_MAX]?.remove()
    document.querySelector('[data-tail-empty]').hidden = true
  }
  for (const type of ['presence', 'ring']) source.addEventListener(type, (event) => add(type, event))
  addEventListener('pagehide', () => source.close())
}
