/** The WebSocket of browsers and of Node in front of the service: the frames that it reads, and how it is closed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Frame } from '../../src/core/frame.ts'
import { framesOf } from './service.ts'

/** The frames of a socket, checked as those of a stream are. */
export const framesOfMessages = (messages: readonly string[], cut: readonly string[] = []): Frame[] =>
  framesOf([...messages, '[DONE]'].map((message) => `data: ${message}\n\n`).join(''), cut)

type Server = { readonly url: string }

export const socketUrl = ({ url }: Server, query = ''): string =>
  `${url.replace('http:', 'ws:')}/v1/ws${query}`

const KEY = 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'

/** A request for a socket, byte for byte. */
export const handshake = (headers = '', { query = '', host = 'localhost', key = KEY, version = 13 } = {}) =>
  `GET /v1/ws${query} HTTP/1.1\r\nhost: ${host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
  `sec-websocket-version: ${version}\r\n${key}${headers}\r\n`

/** A text message as clients have to send it, with a mask of zeros. */
export function masked(message: string): Buffer {
  assert.ok(message.length < 126)
  return Buffer.concat([Buffer.from([0x81, 0x80 | message.length, 0, 0, 0, 0]), Buffer.from(message)])
}

export class SocketReading {
  readonly socket: WebSocket
  readonly messages: string[] = []
  /** How it was closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.addEventListener('message', ({ data }) => {
      this.messages.push(data)
    })
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }))
    })
  }

  /** Opens one, and sends these messages: texts as they are, and other values as JSON. */
  static async open(service: Server, messages: readonly unknown[], query = ''): Promise<SocketReading> {
    const reading = new SocketReading(new WebSocket(socketUrl(service, query)))
    await once(reading.socket, 'open')
    for (const message of messages) reading.send(message)
    return reading
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Reads until these words have come. */
  async until(words: string): Promise<void> {
    while (!this.messages.some((message) => message.includes(words))) {
      assert.ok(this.socket.readyState <= 1, `${words} never came, but ${this.messages.join('\n')}`)
      await Promise.race([once(this.socket, 'message'), this.closed])
    }
  }

  /** Reads to the end of a whole run. */
  async frames(cut: readonly string[] = []): Promise<Frame[]> {
    assert.deepEqual(await this.closed, { code: 1000, reason: '' })
    return framesOfMessages(this.messages, cut)
  }
}
