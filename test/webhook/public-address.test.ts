import t from 'tap'
import { urlFault } from '../../src/webhook/config.js'
import { isPublicAddress } from '../../src/webhook/public-address.js'

const PRIVATE = [
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.9.9.9'],
  ...['169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1', '192.168.0.1', '198.18.0.1'],
  ...['198.19.255.255', '198.51.100.7', '203.0.113.7', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255'],
  ...['::', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.1.2.3', '::ffff:169.254.169.254', '::10.0.0.1'],
  ...['fe80::1', 'fe80::1%eth0', 'febf::1', 'fc00::1', 'fd12:3456::1', 'fec0::1', 'ff02::1', '2001:db8::1', '100::1'],
  ...[
    '64:ff9b::10.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2002:a00:1::1',
    '2001::1',
    '3fff::1',
  ],
  ...[
    '5f00::1',
    '',
    'localhost',
    '1.2.3',
    '0x7f.1',
    '127.1',
    '017700000001',
    '2130706433',
    '1.2.3.4.5',
    ':::',
    '1::2::3',
  ],
]
const PUBLIC = [
  ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
  ...['128.0.0.1', '169.253.0.1', '169.255.0.1', '172.15.255.255', '172.32.0.0', '192.0.1.1', '192.167.1.1'],
  ...['192.169.0.1', '198.17.255.255', '198.20.0.0', '223.255.255.255', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'],
  ...['2002:808:808::1', '2001:4860:4860::8888', '2606:4700::1111', '2003::1', '2001:200::1', '2a00::1'],
]

t.test('addresses that are not public', (t) => {
  for (const ip of PRIVATE) t.equal(isPublicAddress(ip), false, ip)
  for (const ip of PUBLIC) t.equal(isPublicAddress(ip), true, ip)
  t.end()
})

t.test('URLs that cannot be an endpoint, however the address is written', (t) => {
  const refused = [
    ...['http://chat.example/', 'ftp://chat.example/', 'https://127.0.0.1/', 'https://127.1/', 'https://0x7f000001/'],
    ...[
      'https://2130706433/',
      'https://0177.0.0.1/',
      'https://[::1]/',
      'https://[::ffff:7f00:1]/',
      'https://[fd00::1]:8443/',
    ],
    ...['https://169.254.169.254/latest/meta-data', 'https://u:p@chat.example/', 'https://', 'chat.example', ''],
    `https://chat.example/${'x'.repeat(2_048)}`,
  ]
  for (const url of refused) t.not(urlFault(url, false), '', url)
  for (const url of ['https://chat.example/a?b=c', 'https://1.1.1.1/', 'https://[2606:4700::1111]:8443/x'])
    t.equal(urlFault(url, false), '', url)
  for (const url of ['http://127.0.0.1:8080/hook', 'http://[::1]/', 'https://localhost/'])
    t.equal(urlFault(url, true), '', url)
  t.not(urlFault('ftp://127.0.0.1/', true), '')
  t.end()
})
