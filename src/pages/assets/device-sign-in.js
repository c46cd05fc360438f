// Waits for the answer of a device, again and again. Without this script there is a button.
for (const form of document.querySelectorAll('[data-device-sign-in]')) {
  form.hidden = true
  void wait(form)
}

async function wait(form) {
  const ask = { method: 'POST', headers: { accept: 'application/json' }, redirect: 'error' }
  try {
    for (;;) {
      const reply = await fetch(form.action, { ...ask, body: new URLSearchParams(new FormData(form)) })
      if (!reply.ok) throw new Error(String(reply.status))
      const { location: next } = await reply.json()
      if (next !== '') return location.assign(next)
    }
  } catch {
    form.hidden = false
  }
}
