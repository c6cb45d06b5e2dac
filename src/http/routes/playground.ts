/**
 * `GET /`: the page, with its style, its icon and its script, all served from memory; and `GET /runs/{id}`, the address of
 * a run for people.
 */
import type { FastifyInstance } from 'fastify'
import { browserFile } from '../browser-files.ts'
import { OPEN } from '../keys.ts'

/**
 * Nothing but the page's own files and its own service, and no text is ever taken for markup: with trusted types,
 * a browser throws at `innerHTML` and its like.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

export async function playgroundRoutes(app: FastifyInstance): Promise<void> {
  const icon = await browserFile('page.svg')
  const files = [
    { path: '/', type: 'text/html; charset=utf-8', text: await browserFile('index.html') },
    { path: '/page.css', type: 'text/css; charset=utf-8', text: await browserFile('page.css') },
    { path: '/page.svg', type: 'image/svg+xml', text: icon },
    { path: '/favicon.ico', type: 'image/svg+xml', text: icon }, // what asks for it without having read the page
    { path: '/page.js', type: 'text/javascript; charset=utf-8', text: await browserFile('page.js') },
  ]
  // Without a key too: a browser sends none for a page and its files. The page asks for one.
  for (const { path, type, text } of files) {
    app.get(path, OPEN, (_request, reply) => reply.headers(HEADERS).type(type).send(text))
  }
  // Relative, since a proxy may have put all of this under a path. The page finds out whether there is such a run.
  app.get<{ Params: { id: string } }>('/runs/:id', OPEN, ({ params: { id } }, reply) =>
    reply.headers(HEADERS).redirect(`../?run=${encodeURIComponent(id)}`, 302),
  )
}
