// Speaks with the authenticator. Without this script, or a browser that can, people sign in in another way.
const isAble = 'PublicKeyCredential' in globalThis && 'parseCreationOptionsFromJSON' in PublicKeyCredential
for (const form of document.querySelectorAll('[data-passkey]')) {
  form.hidden = !isAble
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void run(form)
  })
}

async function run(form) {
  const fault = form.querySelector('[role=alert]')
  fault.hidden = true
  try {
    const isNew = form.dataset.passkey === 'make'
    const options = await send(form, `${form.dataset.to}/options`)
    const credential = isNew
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })
    const { location: next } = await send(form, form.dataset.to, JSON.stringify(credential.toJSON()))
    location.assign(next)
  } catch {
    fault.hidden = false
  }
}

async function send(form, to, answer = '') {
  const body = new URLSearchParams(new FormData(form))
  body.set('answer', answer)
  const reply = await fetch(to, { method: 'POST', body, headers: { accept: 'application/json' }, redirect: 'error' })
  if (!reply.ok) throw new Error(String(reply.status))
  return reply.json()
}
