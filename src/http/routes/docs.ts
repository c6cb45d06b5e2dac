/** `GET /openapi.json`, and `GET /docs`: pages made from it. */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { browserFile } from '../browser-files.ts'
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

/** Above the pages: the way back. They stand at `docs` or `docs/` of an address that a proxy may have given a prefix. */
const LINK = `
const bar = document.createElement('nav')
const link = document.createElement('a')
link.href = location.pathname.replace(/docs\\/?$/, '')
link.textContent = '← Tributary: ask a question, watch it run'
bar.append(link)
document.body.prepend(bar)
`

const STYLE = `
body > nav { max-width: 1460px; margin: 0 auto; padding: 16px 20px 0; font: 15px/1.5 sans-serif; }
body > nav a { color: #0b6a80; }
.swagger-ui .highlight-code > .microlight code { white-space: pre-wrap; overflow-wrap: anywhere; }
`

export async function docsRoutes(app: FastifyInstance, document: ReturnType<typeof openapi>): Promise<void> {
  const icon = await browserFile('page.svg')
  app.get('/openapi.json', () => document)
  await app.register(swagger, { mode: 'static', specification: { document: document as never } })
  // A scope of its own, so that the headers are set on these routes only.
  await app.register(async (docs) => {
    docs.addHook('onRequest', async (_request, reply) => {
      reply.headers(HEADERS)
    })
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      indexPrefix: '.', // a proxy may have put all of this under a path
      uiConfig: { layout: 'BaseLayout' }, // without a bar that asks for another document
      theme: {
        title: 'The API of Tributary',
        favicon: [{ filename: 'page.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: icon }],
        js: [{ filename: 'link.js', content: LINK }],
        css: [{ filename: 'docs.css', content: STYLE }],
      },
    })
  })
}
