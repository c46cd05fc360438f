/** The WebSocket of Node: its own since Node 22, the package `ws` before. */
import type { WebSocketConstructor } from '../websocket-transport.js'

/** Loads `ws` only where it is needed. */
export async function nodeWebSocket(): Promise<WebSocketConstructor> {
  const { WebSocket } = globalThis as { WebSocket?: WebSocketConstructor }
  if (WebSocket !== undefined) return WebSocket
  const ws = await import('ws')
  return ws.WebSocket as unknown as WebSocketConstructor
}
