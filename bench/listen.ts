import type { Server } from 'node:net'

/** Listens with room for as many connections at once as there may be, and prints the address. */
export function listen(server: Server): void {
  server.listen({ port: Number(process.env.PORT ?? 0), host: '127.0.0.1', backlog: 16_384 }, () => {
    const { port } = server.address() as { port: number }
    console.log(`listening on http://127.0.0.1:${port}`)
  })
}
