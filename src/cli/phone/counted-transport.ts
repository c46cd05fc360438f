import type { ProbeSocket, Transport } from '../../client/transport.js'
import type { TrafficCounter } from './traffic.js'

/** A transport whose datagrams are counted by kind and size where they meet the socket. */
export function countedTransport(transport: Transport, traffic: TrafficCounter): Transport {
  const { openProbe, prefer } = transport
  return {
    get kind() {
      return transport.kind
    },
    get family() {
      return transport.family ?? null
    },
    isAlive: () => transport.isAlive?.() ?? true,
    ...(openProbe === undefined ? {} : { openProbe: (onDatagram) => countedProbe(transport, traffic, onDatagram) }),
    ...(prefer === undefined ? {} : { prefer: (kind, isUdpBlocked) => transport.prefer?.(kind, isUdpBlocked) }),
    listen(listener) {
      transport.listen({
        onDatagram(datagram) {
          traffic.count('in', datagram)
          listener.onDatagram(datagram)
        },
        onWay: () => listener.onWay(),
        onMoved: () => listener.onMoved(),
        onBroken: () => listener.onBroken?.(),
      })
    },
    send(datagram) {
      traffic.count('out', datagram)
      transport.send(datagram)
    },
    rebind: (why) => transport.rebind(why),
    close: () => transport.close(),
  }
}

function countedProbe(
  transport: Transport,
  traffic: TrafficCounter,
  onDatagram: (datagram: Uint8Array) => void,
): ProbeSocket | null {
  const socket = transport.openProbe?.((datagram) => {
    traffic.count('in', datagram)
    onDatagram(datagram)
  })
  if (socket === undefined || socket === null) return null
  return {
    send(datagram) {
      traffic.count('out', datagram)
      socket.send(datagram)
    },
    close: () => socket.close(),
  }
}
