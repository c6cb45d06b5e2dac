/** `GET /client.js`, `GET /client.d.ts`: the typed client, for pages that have no bundler. */
import type { FastifyInstance } from 'fastify'
import { browserModule, clientTypes } from '../client-bundle.ts'

export async function clientRoutes(app: FastifyInstance): Promise<void> {
  const [module, types] = await Promise.all([browserModule('client/index.ts'), clientTypes()])
  const serve = (path: string, type: string, text: string) =>
    app.get(path, (_request, reply) => reply.type(type).header('cache-control', 'no-cache').send(text))
  serve('/client.js', 'text/javascript; charset=utf-8', module)
  serve('/client.d.ts', 'text/plain; charset=utf-8', types)
}
