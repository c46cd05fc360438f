// Swagger UI on this server's own document; nobody else is asked.
const place = document.querySelector('[data-reference]')
const dark = matchMedia('(prefers-color-scheme: dark)')
const dress = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', dress)
dress()
globalThis.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.reference,
  validatorUrl: null,
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
})
