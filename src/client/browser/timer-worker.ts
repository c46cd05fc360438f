/**
 * Timers of a page, run in a dedicated worker: browsers hold timers of hidden pages back by up to a minute, those of
 * workers not. Takes `[id, ms]` to begin and `[id]` to cancel, gives `id` when it is over.
 */

const timers = new Map<number, ReturnType<typeof setTimeout>>()

addEventListener('message', ({ data }: MessageEvent<[number, number?]>) => {
  const [id, ms] = data
  clearTimeout(timers.get(id))
  timers.delete(id)
  if (ms === undefined) return
  const timer = setTimeout(() => {
    timers.delete(id)
    postMessage(id)
  }, ms)
  timers.set(id, timer)
})
