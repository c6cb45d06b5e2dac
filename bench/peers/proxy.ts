/**
 * The lower bound: the bytes of the same three answers, copied from upstream to client on bare sockets. Nothing is
 * parsed or put in order, so no client could use the result, and no service can be faster.
 */
import { connect, createServer, type Socket } from 'node:net'
import { listen } from '../listen.ts'

const upstream = new URL(process.env.UPSTREAM as string)

/** Settles when the answer has been copied whole. */
function copy(request: string, client: Socket): Promise<void> {
  return new Promise((resolve) => {
    const source = connect(Number(upstream.port), upstream.hostname)
    source.setNoDelay()
    source.write(request)
    source.on('data', (bytes) => {
      if (client.write(bytes)) return
      source.pause()
      client.once('drain', () => source.resume())
    })
    client.on('close', () => source.destroy())
    source.on('error', () => {})
    source.on('close', resolve)
  })
}

const server = createServer({ noDelay: true }, (client) => {
  let received = ''
  client.setMaxListeners(0)
  client.on('error', () => {}) // the client may leave
  client.on('data', async (piece) => {
    received += piece
    const body = received.split('\r\n\r\n')[1]
    if (!body?.endsWith('}')) return
    const request = `POST /v1/chat/completions HTTP/1.1\r\nhost: upstream\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    await Promise.all([copy(request, client), copy(request, client)])
    await copy(request, client)
    client.end()
  })
})

listen(server)
