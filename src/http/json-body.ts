/** Reads JSON bodies and refuses everything else with what to change. */
import type { FastifyInstance } from 'fastify'
import { excerpt } from '../core/fault.ts'
import { Problem } from './problem.ts'

/**
 * JSON in UTF-8, not compressed, is the only content type. Fastify's own parser would turn bad UTF-8 into U+FFFD,
 * ignore `content-encoding`, also accept text/plain, and not say where a body is wrong. Keys such as `__proto__` need
 * no care: JSON.parse makes them own properties, the strict schema refuses them like any other unknown key, and
 * nothing merges bodies into anything.
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
      return parsed(text)
    },
  )
  // Before the body is read, since a compressed one isn't worth reading.
  app.addHook('onRequest', async ({ headers }) => {
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity') {
      const detail = `A body with 'content-encoding: ${excerpt(encoding)}' isn't read. Send it as it is, without that header.`
      throw new Problem('unsupported_encoding', detail)
    }
  })
}

/** @throws Problem that says what is wrong, and where */
export function parsed(text: string): unknown {
  if (text.trim() === '') throw badBody('it is empty')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badBody(excerpt((error as Error).message)) // says where
  }
}

function badBody(what: string): Problem {
  return new Problem('bad_body', `The body can't be read as JSON: ${what}.`)
}
