/** The job with Vercel's AI SDK: `streamText` for each call. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { streamText } from 'ai'
import { merge } from './merge.ts'
import { type Field, type Frame, prediction, prompts, serve, type Token, token, UPSTREAM } from './serve.ts'

const model = createOpenAICompatible({ name: 'upstream', baseURL: UPSTREAM, apiKey: 'none' }).chatModel(
  'plain',
)

async function* complete(field: Field, prompt: string, signal: AbortSignal): AsyncGenerator<Token> {
  let failure: { error: unknown } | undefined
  const { textStream } = streamText({
    model,
    prompt,
    abortSignal: signal,
    onError: (event) => {
      failure = event
    },
  })
  for await (const text of textStream) yield token(field, text)
  if (failure) throw failure.error // a text stream just ends there
}

async function* run(question: string, signal: AbortSignal): AsyncGenerator<Frame> {
  const texts = { brainstorm: '', evidence: '', answer: '' }
  const branches = merge(
    complete('brainstorm', prompts.brainstorm(question), signal),
    complete('evidence', prompts.evidence(question), signal),
  )
  for await (const frame of branches) {
    texts[frame.field] += frame.chunk
    yield frame
  }
  const prompt = prompts.answer(question, texts.brainstorm, texts.evidence)
  for await (const frame of complete('answer', prompt, signal)) {
    texts.answer += frame.chunk
    yield frame
  }
  yield prediction(texts.answer)
}

await serve(run)
