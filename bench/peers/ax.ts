/** The job with Ax: a signature for each call, streamed. */
import { ai, ax } from '@ax-llm/ax'
import { composer } from './composer.ts'
import { type Field, type Inputs, serve, type Token, token, UPSTREAM } from './serve.ts'

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

function complete(field: Field, { question, brainstorm, evidence }: Inputs, abortSignal: AbortSignal) {
  switch (field) {
    case 'brainstorm':
      return frames(field, ideas.streamingForward(model, { question }, { abortSignal }))
    case 'evidence':
      return frames(field, probe.streamingForward(model, { question }, { abortSignal }))
    case 'answer':
      return frames(
        field,
        compose.streamingForward(model, { question, brainstorm, evidence }, { abortSignal }),
      )
  }
}

await serve(composer(complete))
