/** A capture file (pcap, raw IPv4) of datagrams between devices and one server. */

import { portOf } from '../../src/base/address.js'
import { concat, writeU16, writeU32 } from '../../src/base/bytes.js'
import type { Captured } from './exchange.js'

export const SERVER_PORT = 7350
const SERVER_IP = [192, 0, 2, 1]

/** LINKTYPE_RAW */
const RAW_IP = 101

/**
 * @param captured in the order of the capture; devices have IPv4 addresses.
 * @param port     of the server.
 */
export function captureFile(captured: readonly Captured[], port = SERVER_PORT): Uint8Array {
  return concat(fileHead(), ...captured.flatMap((one) => recordOf(one, port)))
}

function fileHead(): Uint8Array {
  const head = new Uint8Array(24)
  writeU32(head, 0, 0xa1b2c3d4)
  writeU16(head, 4, 2)
  writeU16(head, 6, 4)
  writeU32(head, 16, 65_535)
  writeU32(head, 20, RAW_IP)
  return head
}

function recordOf({ atMs, bytes, toServer, device }: Captured, port: number): Uint8Array[] {
  const udp = new Uint8Array(8)
  writePorts(udp, toServer, portOf(device), port)
  writeU16(udp, 4, 8 + bytes.length)
  return frame(atMs, toServer, device, 17, concat(udp, bytes))
}

function writePorts(out: Uint8Array, toServer: boolean, devicePort: number, serverPort: number): void {
  writeU16(out, 0, toServer ? devicePort : serverPort)
  writeU16(out, 2, toServer ? serverPort : devicePort)
}

function frame(
  atMs: number,
  toServer: boolean,
  device: Uint8Array,
  protocol: number,
  payload: Uint8Array,
): Uint8Array[] {
  const ip = new Uint8Array(20)
  ip[0] = 0x45
  writeU16(ip, 2, 20 + payload.length)
  ip.set([64, protocol], 8)
  const deviceIp = [...device.subarray(12, 16)]
  ip.set(toServer ? [...deviceIp, ...SERVER_IP] : [...SERVER_IP, ...deviceIp], 12)
  const head = new Uint8Array(16)
  writeU32(head, 0, Math.floor(atMs / 1000))
  writeU32(head, 4, (atMs % 1000) * 1000)
  writeU32(head, 8, ip.length + payload.length)
  writeU32(head, 12, ip.length + payload.length)
  return [head, ip, payload]
}

const TCP = 6
/** One that tshark takes for HTTP. */
const HTTP_PORT = 80
const UPGRADE = [
  'GET /v1/channel HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: pilotlight.1\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\nSec-WebSocket-Protocol: pilotlight.1\r\n\r\n',
] as const

/** The same datagrams of one device as messages of a WebSocket, without the TCP handshake. */
export function webSocketCapture(captured: readonly Captured[]): Uint8Array {
  const sent = { up: 1, down: 1 }
  const segment = ({ atMs, toServer, device }: Captured, bytes: Uint8Array): Uint8Array[] => {
    const tcp = new Uint8Array(20)
    writePorts(tcp, toServer, portOf(device), HTTP_PORT)
    writeU32(tcp, 4, toServer ? sent.up : sent.down)
    writeU32(tcp, 8, toServer ? sent.down : sent.up)
    tcp.set([0x50, 0x18, 0xff, 0xff], 12) // PSH, ACK
    if (toServer) sent.up += bytes.length
    else sent.down += bytes.length
    return frame(atMs, toServer, device, TCP, concat(tcp, bytes))
  }
  const [first] = captured as [Captured]
  const text = (from: string) => new TextEncoder().encode(from)
  const request = segment({ ...first, toServer: true }, text(UPGRADE[0]))
  const response = segment({ ...first, toServer: false }, text(UPGRADE[1]))
  const messages = captured.flatMap((one) => segment(one, message(one.bytes, one.toServer)))
  return concat(fileHead(), ...request, ...response, ...messages)
}

/** RFC 6455 §5.2: a binary message, masked by zeros from a client. */
function message(bytes: Uint8Array, isMasked: boolean): Uint8Array {
  const mask = isMasked ? 0x80 : 0
  const length = bytes.length < 126 ? [mask | bytes.length] : [mask | 126, bytes.length >> 8, bytes.length & 255]
  return Uint8Array.from([0x82, ...length, ...(isMasked ? [0, 0, 0, 0] : []), ...bytes])
}
