/** `GET /client.js`, `GET /client.d.ts`: the typed client, for pages that have no bundler. */
import { readFile } from 'node:fs/promises'
import type { FastifyInstance } from 'fastify'
import { browserModule } from '../browser-module.ts'
import { OPEN } from '../keys.ts'

export async function clientRoutes(app: FastifyInstance): Promise<void> {
  // Without a key too: a browser's `import` can't send a header, and the client holds nothing secret.
  const serve = (path: string, type: string, text: string) =>
    app.get(path, OPEN, (_request, reply) => reply.type(type).header('cache-control', 'no-cache').send(text))
  serve('/client.js', 'text/javascript; charset=utf-8', await browserModule('client/index.ts'))
  serve('/client.d.ts', 'text/plain; charset=utf-8', await readFile(DECLARATIONS, 'utf8'))
}

/** Made from the client's sources by `npm run build:client`; a test sees to it that it is up to date. */
const DECLARATIONS = new URL('../../client/declarations.d.ts', import.meta.url)
