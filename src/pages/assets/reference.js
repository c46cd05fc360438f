// Swagger UI on this server's own document, when somebody wants it: it is heavy. Nobody else is asked.
const place = document.querySelector('[data-reference]')
const button = document.querySelector('[data-open]')
const dark = matchMedia('(prefers-color-scheme: dark)')
const dress = () => document.documentElement.classList.toggle('dark-mode', dark.matches)

const loaded = (element) =>
  new Promise((resolve, reject) => {
    element.onload = resolve
    element.onerror = reject
  })

async function open() {
  button.disabled = true
  const style = Object.assign(document.createElement('link'), { rel: 'stylesheet', href: button.dataset.sheet })
  const script = Object.assign(document.createElement('script'), { src: button.dataset.open })
  const both = Promise.all([loaded(style), loaded(script)])
  document.querySelector('link[rel=stylesheet]').before(style) // ours corrects it
  document.head.append(script)
  try {
    await both
  } catch {
    button.disabled = false
    return
  }
  dark.addEventListener('change', dress)
  dress()
  document.querySelector('[data-overview]').hidden = true
  button.parentElement.hidden = true
  place.hidden = false
  globalThis.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.reference,
    validatorUrl: null,
    deepLinking: true,
    docExpansion: 'list',
    defaultModelsExpandDepth: 0,
  })
}

button.addEventListener('click', () => void open())
// A link to one operation, from elsewhere or typed.
const follow = () => {
  if (location.hash.startsWith('#/') && !button.disabled) void open()
}
addEventListener('hashchange', follow)
follow()
