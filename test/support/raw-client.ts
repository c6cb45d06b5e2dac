/** A client on a bare socket: for requests that no library would send, and for readers that misbehave. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Service } from './service.ts'

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: string }

export class RawClient {
  readonly socket: Socket
  /** The bytes that have come, one character each. */
  text = ''
  /** Settles when the connection is over, with all that came. */
  readonly closed: Promise<string>

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1').on('data', (piece) => {
      this.text += piece
    })
    this.closed = new Promise((resolve) => socket.on('close', () => resolve(this.text)))
  }

  static async connect(service: Service): Promise<RawClient> {
    return new RawClient(await service.socket())
  }

  /** Sends bytes and reads until the service closes. */
  static async exchange(service: Service, bytes: string | Uint8Array): Promise<string> {
    const client = await RawClient.connect(service)
    client.socket.write(bytes)
    return client.closed
  }

  /** Reads until these words have come. */
  async until(words: string): Promise<void> {
    while (!this.text.includes(words)) {
      assert.ok(!this.socket.destroyed, `${words} never came, but ${this.text}`)
      await Promise.race([once(this.socket, 'data'), this.closed])
    }
  }
}

/** The answers in a connection's bytes, one after the other. */
export function answersOf(text: string): Answer[] {
  const answers: Answer[] = []
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n')
    const [start, ...lines] = rest.slice(0, end).split('\r\n') as [string, ...string[]]
    assert.match(start, /^HTTP\/1\.1 \d{3} /, `not the start of an answer: ${JSON.stringify(start)}`)
    const headers = new Headers(lines.map((line) => line.split(': ', 2) as [string, string]))
    const [body, left] = bodyOf(rest.slice(end + 4), headers)
    answers.push({ status: Number(start.split(' ')[1]), headers, body })
    rest = left
  }
  return answers
}

/** A body, and what follows it. */
function bodyOf(text: string, headers: Headers): [string, string] {
  if (headers.get('transfer-encoding') !== 'chunked') {
    const length = Number(headers.get('content-length'))
    return [text.slice(0, length), text.slice(length)]
  }
  let body = ''
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    const length = Number.parseInt(text.slice(at, lineEnd), 16)
    assert.ok(length >= 0, 'the chunked body was cut')
    at = lineEnd + 2 + length + 2
    if (length === 0) return [body, text.slice(at)]
    body += text.slice(lineEnd + 2, at - 2)
  }
}
