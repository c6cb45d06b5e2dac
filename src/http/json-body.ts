/** Reads JSON bodies, and says of everything else what to change. */
import type { FastifyInstance } from 'fastify'
import { excerpt } from '../core/fault.ts'
import { Problem } from './problem.ts'

/**
 * The only content type there is: JSON, in UTF-8, not compressed. Fastify's own parser would take bad UTF-8 for
 * U+FFFD, ignore `content-encoding`, take text/plain besides, and not say where a body is wrong. Keys such as
 * `__proto__` need no care here: they are own properties of what JSON.parse gives, the strict schema refuses
 * them like any other unknown key, and nothing merges bodies into anything.
 */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => {
      let text: string
      try {
        text = new TextDecoder('utf-8', { fatal: true }).decode(body)
      } catch {
        throw badBody('it is not UTF-8')
      }
      if (text.trim() === '') throw badBody('it is empty')
      try {
        return JSON.parse(text)
      } catch (error) {
        throw badBody(excerpt((error as Error).message)) // says where
      }
    },
  )
  // Before the body is read: a compressed one isn't worth reading.
  app.addHook('onRequest', async ({ headers }) => {
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') {
      const detail = `A body with 'content-encoding: ${excerpt(encoding)}' isn't read. Send it as it is, without that header.`
      throw new Problem('unsupported_encoding', detail)
    }
  })
}

function badBody(what: string): Problem {
  return new Problem('bad_body', `The body can't be read as JSON: ${what}.`)
}
