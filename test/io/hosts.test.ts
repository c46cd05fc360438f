import t from 'tap'
import { deviceEndpoints, resolveHosts } from '../../src/io/hosts.js'

t.test('hosts as addresses', async (t) => {
  t.same(await resolveHosts([]), ['0.0.0.0', '::'])
  t.same(await resolveHosts(['::1', '127.0.0.1', '::1']), ['::1', '127.0.0.1'])
  t.ok((await resolveHosts(['localhost'])).some((address) => address === '127.0.0.1' || address === '::1'))
  await t.rejects(resolveHosts(['no-such-name.invalid']), { code: 'PL_ADDRESS_UNAVAILABLE' })
})

t.test('endpoints that a device is told', async (t) => {
  const all = { endpoints: [], publicUrl: null, hosts: ['0.0.0.0', '::'], udpPort: 7350, httpPort: 7351, isTls: false }
  const ws = ['ws://127.0.0.1:7351/v1/channel', 'ws://[::1]:7351/v1/channel']
  t.same(deviceEndpoints(all, '127.0.0.1'), ['udp://127.0.0.1:7350', 'udp://[::1]:7350', ...ws])
  t.same(deviceEndpoints(all, '::1'), ['udp://127.0.0.1:7350', 'udp://[::1]:7350', ...ws])
  t.same(deviceEndpoints({ ...all, hosts: ['0.0.0.0'] }, '::ffff:127.0.0.1'), ['udp://127.0.0.1:7350', ws[0]])
  t.same(
    deviceEndpoints({ ...all, hosts: ['192.0.2.1'] }, '198.51.100.1'),
    ['udp://192.0.2.1:7350'],
    'no plain ws: elsewhere',
  )
  t.same(deviceEndpoints({ ...all, hosts: ['192.0.2.1'], isTls: true }, '198.51.100.1'), [
    'udp://192.0.2.1:7350',
    'wss://192.0.2.1:7351/v1/channel',
  ])
  t.same(deviceEndpoints({ ...all, publicUrl: 'https://p.example:8443/x' }, '127.0.0.1'), [
    'udp://p.example:7350',
    'wss://p.example:8443/x/v1/channel',
  ])
  t.same(deviceEndpoints({ ...all, publicUrl: 'https://[2001:db8::1]' }, '::1'), [
    'udp://[2001:db8::1]:7350',
    'wss://[2001:db8::1]/v1/channel',
  ])
  t.same(deviceEndpoints({ ...all, endpoints: ['udp://u.example:1'], publicUrl: 'https://p.example' }, '::1'), [
    'udp://u.example:1',
    'wss://p.example/v1/channel',
  ])
  for (const endpoint of deviceEndpoints(all, '198.51.100.1')) t.notMatch(endpoint, /127\.|\[::1\]|fe80/)
})
