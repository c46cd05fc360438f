/** nats-server, a message server in Go. Its clients get a line in the clear, then begin TLS. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Peer, Setting } from './peer.js'
import { startServer, versionText } from './program.js'
import { nats } from './speech/nats.js'

/** It shall not ping by itself, and write no log. One thread runs Go code where it has one core. */
function configuration({ port, clients, certificate }: Setting): string {
  return [
    `listen: "127.0.0.1:${port}"`,
    `max_connections: ${clients + 16}`,
    'ping_interval: "12h"',
    'write_deadline: "30s"',
    'logfile: "/dev/null"',
    `tls { cert_file: "${certificate.certFile}", key_file: "${certificate.keyFile}", timeout: 60 }`,
    '',
  ].join('\n')
}

export const natsTls: Peer = {
  name: 'nats-tls',
  install: 'Debian package nats-server',
  transport: 'starttls',
  version: () => /v?(\d+\.\d+\.\d+)/.exec(versionText('nats-server', '--version') ?? '')?.[1] ?? null,
  start: async (setting) => {
    const file = join(setting.folder, 'nats.conf')
    writeFileSync(file, configuration(setting))
    return await startServer(['nats-server', '-c', file], { port: setting.port, transport: 'tcp', core: setting.core })
  },
  speech: nats,
}
