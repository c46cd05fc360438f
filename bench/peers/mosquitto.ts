/** Eclipse Mosquitto, an MQTT broker in C: one thread, `poll` or `epoll`. */
import { writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Peer, Setting, Transport } from './peer.js'
import { startServer, versionText } from './program.js'
import { mqtt } from './speech/mqtt.js'

/** Nothing tuned but what a client count of thousands and a test that decides on pings itself need. */
function configuration({ port, certificate }: Setting, transport: Transport): string {
  const tls = transport === 'tls' ? [`certfile ${certificate.certFile}`, `keyfile ${certificate.keyFile}`] : []
  return [
    `listener ${port} 127.0.0.1`,
    ...tls,
    'allow_anonymous true',
    'persistence false',
    // Else it would go to a user that cannot read the key.
    `user ${userInfo().username}`,
    'log_dest stderr',
    'log_type error',
    'max_queued_messages 100000',
    // Else a message waits up to 40 ms for the acknowledgement of the last one.
    'set_tcp_nodelay true',
    '',
  ].join('\n')
}

function mosquitto(name: string, transport: Transport): Peer {
  return {
    name,
    install: 'Debian package mosquitto',
    transport,
    version: () => /mosquitto version (\S+)/.exec(versionText('mosquitto', '-h') ?? '')?.[1] ?? null,
    start: async (setting) => {
      const file = join(setting.folder, 'mosquitto.conf')
      writeFileSync(file, configuration(setting, transport))
      return await startServer(['mosquitto', '-c', file], { port: setting.port, transport: 'tcp', core: setting.core })
    },
    speech: mqtt,
  }
}

export const mosquittoTls = mosquitto('mosquitto-tls', 'tls')
export const mosquittoTcp = mosquitto('mosquitto-tcp', 'tcp')
