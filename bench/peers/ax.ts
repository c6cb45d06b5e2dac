/** The job with Ax: a signature for each call, streamed. */
import { ai, ax } from '@ax-llm/ax'
import { merge } from './merge.ts'
import { type Field, type Frame, prediction, serve, type Token, token, UPSTREAM } from './serve.ts'

const model = ai({ name: 'openai-compatible', apiKey: 'none', apiURL: UPSTREAM, config: { model: 'ax' } })

const ideas = ax('question -> brainstorm')
const probe = ax('question -> evidence')
const compose = ax('question, brainstorm, evidence -> answer')

/** The text deltas of one output field as frames. */
async function* frames<F extends Field>(
  field: F,
  stream: AsyncIterable<{ readonly delta: Partial<Record<F, string>> }>,
): AsyncGenerator<Token> {
  for await (const { delta } of stream) {
    const text = delta[field]
    if (text) yield token(field, text)
  }
}

async function* run(question: string, abortSignal: AbortSignal): AsyncGenerator<Frame> {
  const texts = { brainstorm: '', evidence: '', answer: '' }
  const branches = merge(
    frames('brainstorm', ideas.streamingForward(model, { question }, { abortSignal })),
    frames('evidence', probe.streamingForward(model, { question }, { abortSignal })),
  )
  for await (const frame of branches) {
    texts[frame.field] += frame.chunk
    yield frame
  }
  const { brainstorm, evidence } = texts
  const answer = compose.streamingForward(model, { question, brainstorm, evidence }, { abortSignal })
  for await (const frame of frames('answer', answer)) {
    texts.answer += frame.chunk
    yield frame
  }
  yield prediction(texts.answer)
}

await serve(run)
