/** `GET /openapi.json`, and `GET /docs`: pages made from it. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import type { openapi } from '../openapi.ts'

/**
 * As near to the page's own policy as Swagger UI works under. Trusted types can't be required: React sets `innerHTML`
 * with plain strings there, and nothing is drawn. Its script adds a style element, so styles may be inline; scripts not.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

export async function docsRoutes(app: FastifyInstance, document: ReturnType<typeof openapi>): Promise<void> {
  app.get('/openapi.json', () => document)
  await app.register(swagger, { mode: 'static', specification: { document: document as never } })
  // A scope of its own, so that the headers are set on these routes only.
  await app.register(async (docs) => {
    docs.addHook('onRequest', async (_request, reply) => {
      reply.headers(HEADERS)
    })
    await docs.register(swaggerUi, { routePrefix: '/docs' })
  })
}
