// Keeps a part of the page fresh while somebody looks at it; what the server sends is its own template, escaped.
const EVERY_MS = 1000
for (const place of document.querySelectorAll('[data-refresh]')) {
  let last = ''
  let isAsking = false
  setInterval(async () => {
    // Not while a button in it has the focus: it would be taken away.
    if (document.visibilityState !== 'visible' || isAsking || place.contains(document.activeElement)) return
    isAsking = true
    try {
      const answer = await fetch(place.dataset.refresh, { headers: { accept: 'text/html' }, redirect: 'error' })
      const text = answer.ok ? await answer.text() : last
      if (text !== last) place.innerHTML = text
      last = text
    } catch {
      // The next try may do.
    } finally {
      isAsking = false
    }
  }, EVERY_MS)
}
