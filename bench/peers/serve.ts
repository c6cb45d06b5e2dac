/** What the contenders share: the frames, the prompts, and the HTTP service around a run. */
import { Readable } from 'node:stream'
import Fastify from 'fastify'

/** The lanes of a run by the field that each writes, with the name of its predictor. */
export const PREDICTORS = {
  brainstorm: 'ideas.brainstorm',
  evidence: 'evidence.probe',
  answer: 'compose',
} as const

export type Field = keyof typeof PREDICTORS

export type Token = {
  readonly type: 'token'
  readonly field: Field
  readonly predictor: string
  readonly chunk: string
  readonly is_last: false
}

export type Prediction = { readonly type: 'prediction'; readonly data: { readonly answer: string } }

export type Frame = Token | Prediction

/** The frame of one text delta. */
export const token = (field: Field, chunk: string): Token => ({
  type: 'token',
  field,
  predictor: PREDICTORS[field],
  chunk,
  is_last: false,
})

/** The last frame of a run. */
export const prediction = (answer: string): Prediction => ({ type: 'prediction', data: { answer } })

/** The inputs of a call. The branches are empty before they have been written. */
export type Inputs = { readonly question: string; readonly brainstorm: string; readonly evidence: string }

/** Prompts by output field, for libraries that leave prompts to their user. */
export const prompts: Readonly<Record<Field, (inputs: Inputs) => string>> = {
  brainstorm: ({ question }) => `Brainstorm ideas on the question.\n\nQuestion: ${question}`,
  evidence: ({ question }) => `Give evidence on the question.\n\nQuestion: ${question}`,
  answer: ({ question, brainstorm, evidence }) =>
    `Answer the question from the ideas and the evidence.\n\nQuestion: ${question}\n\nIdeas: ${brainstorm}\n\nEvidence: ${evidence}`,
}

/** The OpenAI-compatible endpoint that all calls go to. */
export const UPSTREAM = process.env.UPSTREAM as string

async function* events(frames: AsyncIterable<Frame>): AsyncGenerator<string> {
  try {
    for await (const frame of frames) yield `data: ${JSON.stringify(frame)}\n\n`
    yield 'data: [DONE]\n\n'
  } catch (error) {
    yield `data: ${JSON.stringify({ type: 'error', message: String(error) })}\n\n`
  }
}

/**
 * Answers `POST /v1/stream` with server-sent events, and prints the address.
 *
 * @param run yields the frames of one run; its signal aborts when the response is closed
 */
export async function serve(
  run: (question: string, signal: AbortSignal) => AsyncIterable<Frame>,
): Promise<void> {
  const app = Fastify()
  app.post<{ Body: { question: string } }>('/v1/stream', (request, reply) => {
    const controller = new AbortController()
    reply.raw.on('close', () => controller.abort())
    return reply
      .header('content-type', 'text/event-stream; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(Readable.from(events(run(request.body.question, controller.signal))))
  })
  // Room for as many connections at once as the service has.
  const url = await app.listen({
    port: Number(process.env.PORT ?? 0),
    host: '127.0.0.1',
    backlog: 16_384,
  })
  console.log(`listening on ${url}`)
}
