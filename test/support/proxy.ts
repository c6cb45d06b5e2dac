/** A TCP proxy in front of the service: a network that breaks, refuses, or goes dead without telling anybody. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export class TcpProxy {
  readonly url: string
  /** Where connections go from now on. */
  target: string
  /** For each connection to come, where it breaks: after so many bytes of answers, or right after these words. */
  readonly cuts: (number | string)[] = []
  /** For each connection to come, what it gets instead of an answer of the target. */
  readonly answers: string[] = []
  /** Connections so far. */
  count = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, target: string) {
    this.target = target
    this.#server = server.on('connection', (near) => this.#join(near))
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** Starts one; it is closed when the test ends. */
  static async start(t: TestContext, target: string): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new TcpProxy(server, target)
    t.after(() => {
      proxy.cut()
      server.close()
    })
    return proxy
  }

  /** From now on nothing gets through in either direction of what is connected, and nobody is told: no FIN, no reset. */
  goDead(): void {
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  /** Breaks what is connected. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Breaks what is connected, and refuses connections. */
  async refuse(): Promise<void> {
    this.#server.close()
    this.cut()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  /** Takes connections again. */
  async accept(): Promise<void> {
    this.#server.listen(Number(new URL(this.url).port), '127.0.0.1')
    await once(this.#server, 'listening')
  }

  #join(near: Socket): void {
    this.count++
    this.#keep(near)
    const answer = this.answers.shift()
    if (answer !== undefined) {
      near.once('data', () => near.end(answer))
      return
    }
    const { hostname, port } = new URL(this.target)
    const far = connect(Number(port), hostname)
    this.#keep(far)
    near.pipe(far)
    const where = this.cuts.shift()
    if (where === undefined) far.pipe(near)
    else cutAt(where, far, near)
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

/** Passes bytes on up to a place, and breaks both connections there. */
function cutAt(where: number | string, far: Socket, near: Socket): void {
  let passed = ''
  far.on('end', () => near.end())
  far.on('data', (bytes: Buffer) => {
    const before = passed.length
    passed += bytes.toString('latin1')
    const found = typeof where === 'number' ? where : passed.indexOf(where)
    const end = typeof where === 'number' || found === -1 ? found : found + where.length
    if (end === -1 || end > passed.length) {
      near.write(bytes)
      return
    }
    far.removeAllListeners('data').destroy()
    near.end(bytes.subarray(0, Math.max(0, end - before)), () => near.destroy())
  })
}
