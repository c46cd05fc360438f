// Swagger UI on this server's own document; nobody else is asked.
const place = document.querySelector('[data-reference]')
globalThis.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.reference,
  validatorUrl: null,
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
})
