/** A TCP proxy in front of the service: a network that can go dead without telling anybody. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export class TcpProxy {
  readonly url: string
  readonly #sockets: Set<Socket>

  private constructor(url: string, sockets: Set<Socket>) {
    this.url = url
    this.#sockets = sockets
  }

  /** Starts one; it is closed when the test ends. */
  static async start(t: TestContext, target: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(target)
    const sockets = new Set<Socket>()
    const server = createServer((near) => {
      const far = connect(Number(port), hostname)
      for (const socket of [near, far]) sockets.add(socket.on('error', () => {}))
      near.pipe(far)
      far.pipe(near)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    return new TcpProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets)
  }

  /** From now on nothing gets through in either direction, and nobody is told: no FIN, no reset. */
  goDead(): void {
    for (const socket of this.#sockets) socket.unpipe().pause()
  }
}
