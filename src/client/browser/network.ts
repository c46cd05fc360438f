import type { Network } from '../learning/network.js'

/** What the page can tell of its network: the kind, in some browsers on phones; never a name. */
export function browserNetwork(): Network {
  const { connection } = navigator as { connection?: { type?: string } }
  const type = connection?.type
  return { id: null, kind: type === 'wifi' || type === 'cellular' ? type : 'unknown' }
}
