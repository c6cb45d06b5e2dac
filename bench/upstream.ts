/**
 * An OpenAI-compatible endpoint that is never the bottleneck: bare sockets, and answers made in advance. A request's
 * question says what it writes, and how fast.
 */
import { createServer, type Socket } from 'node:net'
import { now } from './clock.ts'
import { answerOf, content, ending, formatOf, opening } from './events.ts'
import { listen } from './listen.ts'
import { type Script, scriptIn, stamp, tokensOf } from './text.ts'

const HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n'

/** A completion that writes at a pace of its own. */
type Paced = {
  readonly socket: Socket
  left: number
  due: number
  readonly every: number
  /** What it writes in place of the time, from the last token to the first. */
  readonly words: readonly string[] | undefined
  readonly end: () => void
}

const paced = new Set<Paced>()
const [beforeStamp, afterStamp] = content(stamp(0)).split(stamp(0)) as [string, string]

/** Writes what is due, every millisecond while there is anything to write. */
let timer: NodeJS.Timeout | undefined
function write(): void {
  timer ??= setInterval(write, 1)
  for (const one of paced) {
    const { socket } = one
    for (; one.left > 0 && one.due <= now(); one.due += one.every, one.left--) {
      const word = one.words?.[one.left - 1]
      if (word === undefined) socket.write(beforeStamp + stamp(now()) + afterStamp, 'latin1')
      else socket.write(content(word))
    }
    if (one.left > 0 && !socket.destroyed) continue
    paced.delete(one)
    one.end()
  }
  if (paced.size > 0) return
  clearInterval(timer)
  timer = undefined
}

function answer(socket: Socket, body: string, isLast: boolean): void {
  const { tokens, rate, silent, words }: Script = scriptIn(body)
  const format = formatOf(body)
  const end = () => {
    if (silent || socket.destroyed) return
    socket.write(ending(format))
    if (isLast) socket.end()
  }
  socket.write(`${HEAD}connection: ${isLast ? 'close' : 'keep-alive'}\r\n\r\n`)
  if (rate === 0 && !silent) {
    socket.write(answerOf(format, tokens))
    if (isLast) socket.end()
    return
  }
  socket.write(opening(format))
  const every = rate === 0 ? 0 : 1_000_000 / rate
  // Not all at the same moment, even if they came together.
  const one = {
    socket,
    left: tokens,
    due: now() + Math.random() * every,
    every,
    words: words ? tokensOf(tokens).reverse() : undefined,
    end,
  }
  paced.add(one)
  write()
}

const server = createServer({ noDelay: true }, (socket) => {
  let received = ''
  socket.setEncoding('utf8')
  socket.on('data', (piece: string) => {
    received += piece
    for (;;) {
      const headEnd = received.indexOf('\r\n\r\n')
      if (headEnd === -1) return
      const head = received.slice(0, headEnd).toLowerCase()
      const length = Number(/content-length: (\d+)/.exec(head)?.[1])
      if (Number.isNaN(length)) throw new Error('A request without a length')
      const body = Buffer.from(received.slice(headEnd + 4))
      if (body.length < length) return
      received = body.subarray(length).toString()
      answer(socket, body.subarray(0, length).toString(), head.includes('connection: close'))
    }
  })
  socket.on('error', () => {}) // the client may leave
})

listen(server)
