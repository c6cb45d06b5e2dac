/** What the variables of an endpoint may hold: the default's, and those of a role. */
import { z } from 'zod'

export const endpointUrl = z
  .url({ protocol: /^https?$/, error: 'an address such as http://localhost:11434/v1 is needed' })
  .refine((url) => !/^\w+:\/\/[^/?#]*@/.test(url), {
    error: 'an address must not hold a user and password; a key has a variable of its own',
  })

export const endpointKey = z.string().regex(/^[\x21-\x7e]+$/, 'a key has only ASCII characters and no spaces')

/** Headers that a request has of itself: how its body is sent and read, and the key, which has a variable. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Headers by name, as a JSON object; names come out in lower case. No value is repeated: it may be a key. */
export const endpointHeaders = z.string().transform((text, context) => {
  const headers: Record<string, string> = {}
  for (const [sent, value] of Object.entries(objectOf(text) ?? { '': undefined })) {
    const name = sent.toLowerCase()
    if (typeof value !== 'string') context.addIssue('a JSON object of texts is needed: {"x-team": "blue"}')
    else if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name))
      context.addIssue('a header has a name that no header can have')
    else if (RESERVED.has(name)) context.addIssue(`the header ${name} can't be set`)
    else if (Object.hasOwn(headers, name)) context.addIssue(`the header ${name} is there twice`)
    else if (!/^[\x20-\x7e]*$/.test(value))
      context.addIssue(`the header ${name} may have ASCII characters only`)
    else headers[name] = value
  }
  return headers
})

function objectOf(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** A header that carries a key, by its name or its length: neither says so for certain. */
const LOOKS_SECRET = /auth|key|token|secret|cookie|pass|signature/

/** Values of headers that must not appear in a log, a frame or an error. */
export const secretsIn = (headers: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries(headers)
    .filter(([name, value]) => LOOKS_SECRET.test(name) || value.length >= 20)
    .map(([, value]) => value)
