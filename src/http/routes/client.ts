/** `GET /client.js`, `GET /client.d.ts`: the typed client, for pages that have no bundler. */
import type { FastifyInstance } from 'fastify'
import { browserFile } from '../browser-files.ts'
import { OPEN } from '../keys.ts'

export async function clientRoutes(app: FastifyInstance): Promise<void> {
  // Without a key too: a browser's `import` can't send a header, and the client holds nothing secret.
  const serve = (path: string, type: string, text: string) =>
    app.get(path, OPEN, (_request, reply) => reply.type(type).header('cache-control', 'no-cache').send(text))
  serve('/client.js', 'text/javascript; charset=utf-8', await browserFile('client.js'))
  serve('/client.d.ts', 'text/plain; charset=utf-8', await browserFile('client.d.ts'))
}
