/** A server in this process, on 127.0.0.1 and free ports, over the store of a folder. */
import { join } from 'node:path'
import { type Server, type ServerOptions, startServer } from '../../src/io/server.js'

/** Starts one. @param more what is asked of it beside, or otherwise. */
export function startLocalServer(folder: string, more: Partial<ServerOptions> = {}): Promise<Server> {
  return startServer({
    folder,
    keyFile: join(folder, 'keys.json'),
    newDatabase: false,
    qlog: null,
    keyLog: null,
    hosts: ['127.0.0.1'],
    udpPort: 0,
    udpBufferBytes: { receive: 2 ** 20, send: 2 ** 20 },
    httpPort: 0,
    tls: null,
    publicUrl: null,
    endpoints: [],
    trustedProxies: [],
    connectionsPerAddress: 512,
    workers: 1,
    crypto: 'noble',
    verifiedDomains: false,
    privateDomains: true,
    silenceMaxS: 1800,
    webhooksToPrivate: false,
    logLevel: 'silent',
    version: '0.1.0',
    ...more,
  })
}
