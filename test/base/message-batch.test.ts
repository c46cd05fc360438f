import t from 'tap'
import { MessageBatch } from '../../src/base/message-batch.js'

t.test('messages go together, in order, each once', async (t) => {
  const posted: number[][] = []
  const later: (() => void)[] = []
  const batch = new MessageBatch<number>(
    (messages) => void posted.push(messages),
    (flush) => void later.push(flush),
  )
  for (const message of [1, 2, 3]) batch.push(message)
  t.same(posted, [])
  t.equal(later.length, 1, 'the first one asks, for all')
  later.shift()?.()
  t.same(posted, [[1, 2, 3]])
  batch.push(4)
  batch.flush()
  t.same(posted, [[1, 2, 3], [4]], 'at once, as before the end of a thread')
  later.shift()?.()
  t.equal(posted.length, 2, 'nothing is posted twice')
  batch.push(5)
  t.equal(later.length, 1)
})
