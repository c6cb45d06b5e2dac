/** Runs that are asked for over a WebSocket: as much of RFC 6455 as that takes, so that the load stays bare sockets. */

import { now } from './clock.ts'
import { type Ask, headOf, open, type Stream } from './load.ts'
import type { Message } from './reading.ts'
import { questionOf } from './text.ts'

const HANDSHAKE =
  'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

const OPCODE = { text: 0x1, close: 0x8 } as const

/** A close frame with 1000, as the service sends it. */
const CLOSE = Buffer.from([0x88, 2, 0x03, 0xe8])

/** What a client sends is masked; these masks are of zeros. */
const CLOSE_BACK = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])

function masked(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from([0x81, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]) // less than 126 bytes
}

export const askBySocket: Ask = async (url, script) => {
  const { socket, ...received } = await open(url)
  socket.write(headOf('GET', url, HANDSHAKE))
  await received.until((bytes) => bytes.includes('\r\n\r\n'))
  socket.on('data', (bytes: Buffer) => bytes.subarray(-CLOSE.length).equals(CLOSE) && socket.end(CLOSE_BACK))
  const sentAt = now()
  socket.write(masked(JSON.stringify({ question: questionOf(script) })))
  return { script, sentAt, ...received }
}

/** The text of each message. */
export function* messagesIn({ arrivals }: Stream): Generator<Message> {
  let rest: Buffer = Buffer.alloc(0)
  let isOpen = false
  for (const { at, bytes } of arrivals) {
    rest = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes
    if (!isOpen) {
      const end = rest.indexOf('\r\n\r\n')
      if (end === -1) continue
      const head = rest.subarray(0, end).toString('latin1')
      if (!head.startsWith('HTTP/1.1 101')) throw new Error(`The service answered ${head.split('\r\n')[0]}`)
      rest = rest.subarray(end + 4)
      isOpen = true
    }
    for (let frame = frameIn(rest); frame; frame = frameIn(rest)) {
      rest = rest.subarray(frame.size)
      if (frame.opcode === OPCODE.text) yield { at, text: frame.payload.toString() }
    }
  }
}

/** The frame that these bytes begin with (RFC 6455 §5.2), if it is whole. A server's has no mask. */
function frameIn(bytes: Buffer) {
  if (bytes.length < 2) return undefined
  const short = (bytes[1] as number) & 0x7f
  const head = { 126: 4, 127: 10 }[short] ?? 2
  if (bytes.length < head) return undefined
  const length = head === 2 ? short : head === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  if (bytes.length < head + length) return undefined
  return {
    opcode: (bytes[0] as number) & 0xf,
    payload: bytes.subarray(head, head + length),
    size: head + length,
  }
}
