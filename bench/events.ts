/** The answers of the mock upstream. Each event is an HTTP chunk of its own, as from servers that flush every token. */
import { tokensOf } from './text.ts'

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

const event = (delta: object, finishReason: string | null = null) =>
  chunk(
    `data: ${JSON.stringify({
      id: 'chatcmpl-8e1b7c5f0a6d4e3fb2',
      object: 'chat.completion.chunk',
      created: 1_790_000_000,
      model: 'mock',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    })}\n\n`,
  )

/** The event of one token. */
export const content = (text: string) => event({ content: text })

/** What surrounds the tokens: each library expects its own format of an answer. */
export type Format = { readonly before: string; readonly after: string }

/** Nothing but the text. */
export const PLAIN: Format = { before: '', after: '' }

/** The format that a request's prompt asks for. */
export function formatOf(body: string): Format {
  if (body.includes('[[ ## completed ## ]]')) {
    const asked = body.slice(body.lastIndexOf('Answer with the fields'))
    const fields = [...asked.matchAll(/\[\[ ## (\w+) ## \]\]/g)].map((match) => match[1]).slice(0, -1)
    const reasoning = fields.length > 1 ? '[[ ## reasoning ## ]]\nSo.\n\n' : ''
    return { before: `${reasoning}[[ ## ${fields.at(-1)} ## ]]\n`, after: '\n\n[[ ## completed ## ]]' }
  }
  const ax = /\(wire key: `(\w+)`\)/.exec(body) // how Ax's prompt names its field
  return ax ? { before: `${ax[1]}: `, after: '' } : PLAIN
}

export const opening = ({ before }: Format) =>
  event({ role: 'assistant', content: '' }) + (before && content(before))

export const ending = ({ after }: Format) =>
  `${(after && content(after)) + event({}, 'stop') + chunk('data: [DONE]\n\n')}0\r\n\r\n`

const made = new Map<string, Buffer>()

/** A whole answer at full speed, made once. */
export function answerOf(format: Format, tokens: number): Buffer {
  const key = `${tokens} ${format.before}`
  let answer = made.get(key)
  if (!answer) {
    answer = Buffer.from(opening(format) + tokensOf(tokens).map(content).join('') + ending(format))
    made.set(key, answer)
  }
  return answer
}
