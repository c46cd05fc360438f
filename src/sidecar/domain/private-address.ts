import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Networks that are not of the public Internet: IANA's special-purpose registries (RFC 6890), multicast. */
const V4 = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const

/** The only IPv6 addresses that are of the public Internet, and what of them is not, or leads to IPv4. */
const V6_PUBLIC = ['2000::', 3] as const
const V6_NOT = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const

const v4 = new BlockList()
for (const [net, prefix] of V4) v4.addSubnet(net, prefix, 'ipv4')
const v6 = new BlockList()
v6.addSubnet(...V6_PUBLIC, 'ipv6')
const v6Not = new BlockList()
for (const [net, prefix] of V6_NOT) v6Not.addSubnet(net, prefix, 'ipv6')

/** Whether an address must not be asked on behalf of a stranger. What is no address counts as private. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address
  if (isIPv4(mapped)) return v4.check(mapped, 'ipv4')
  return !isIPv6(address) || !v6.check(address, 'ipv6') || v6Not.check(address, 'ipv6')
}
