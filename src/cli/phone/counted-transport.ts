import type { Transport } from '../../client/transport.js'
import type { TrafficCounter } from './traffic.js'

/** A transport whose datagrams are counted by kind and size where they meet the socket. */
export function countedTransport(transport: Transport, traffic: TrafficCounter): Transport {
  return {
    get kind() {
      return transport.kind
    },
    listen(listener) {
      transport.listen({
        onDatagram(datagram) {
          traffic.count('in', datagram)
          listener.onDatagram(datagram)
        },
        onWay: () => listener.onWay(),
        onMoved: () => listener.onMoved(),
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
