/** The applications: each has a stream, or a webhook that one HTTP server takes for all. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { AppService, verifyWebhook } from '../../../src/appservice/index.js'
import { ADMIN_SOCKET, connectCalls } from '../../../src/io/call-socket.js'
import { BenchError } from '../../bench-error.js'
import { proxiedFetch } from '../../ours/proxied.js'
import type { Stage } from '../../ours/stage.js'

/** Told of a person's state. */
export type OnState = (puid: string, state: string) => void

/** A stream that does not open within this fails the run, ms. */
const LISTEN_MS = 60_000

/** Ends what listens. */
type Close = () => Promise<void>

/** Opens a stream of every application. Settles when each has its snapshot. */
export async function listenByStream({ facts, server }: Stage, onState: OnState): Promise<Close> {
  const end = new AbortController()
  const opened = facts.apps.map(
    ({ apiKey }, index) =>
      new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('a stream did not open')), LISTEN_MS)
        // From an address each: one may have 64 streams.
        const fetch = proxiedFetch(`10.0.${index >> 8}.${index & 255}`)
        const service = new AppService({ url: server.url, apiKey, fetch })
        const read = async () => {
          for await (const event of service.stream({ signal: end.signal })) {
            if (event.type === 'presence') onState(event.person.puid, event.person.state)
            if (event.type !== 'snapshot') continue
            clearTimeout(timer)
            resolve()
          }
        }
        read().catch(reject)
      }),
  )
  try {
    await Promise.all(opened)
  } catch (error) {
    end.abort() // else the others try for ever
    throw error
  }
  return async () => end.abort()
}

/** Gives every application a webhook to a server here. */
export async function listenByWebhook({ facts }: Stage, onState: OnState): Promise<Close> {
  const secrets = new Map<string, string>()
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      try {
        for (const event of verifyWebhook(body, request.headers, secrets.get(request.url ?? '') ?? '')) {
          if (event.type === 'presence.changed') onState(event.data.puid, event.data.state)
        }
        response.writeHead(204).end()
      } catch {
        response.writeHead(401).end()
      }
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const { port } = receiver.address() as AddressInfo
  const operator = await connectCalls(join(facts.folder, ADMIN_SOCKET))
  if (operator === null) {
    await closed(receiver)
    throw new BenchError('nobody listens on the operators’ socket', 1)
  }
  for (const [index, { id }] of facts.apps.entries()) {
    const url = `http://127.0.0.1:${port}/${index}`
    const settings = { app: `app_${id}`, url, events: ['presence.changed'] }
    const { secret } = (await operator.call('app.webhook.set', settings)) as { secret: string }
    secrets.set(`/${index}`, secret)
  }
  operator.close()
  return () => closed(receiver)
}

async function closed(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
