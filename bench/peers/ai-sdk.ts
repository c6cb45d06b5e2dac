/** The job with Vercel's AI SDK: `streamText` for each call. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { streamText } from 'ai'
import { composer } from './composer.ts'
import { type Field, type Inputs, prompts, serve, type Token, token, UPSTREAM } from './serve.ts'

const model = createOpenAICompatible({ name: 'upstream', baseURL: UPSTREAM, apiKey: 'none' }).chatModel(
  'plain',
)

async function* complete(field: Field, inputs: Inputs, signal: AbortSignal): AsyncGenerator<Token> {
  let failure: { error: unknown } | undefined
  const { textStream } = streamText({
    model,
    prompt: prompts[field](inputs),
    abortSignal: signal,
    onError: (event) => {
      failure = event
    },
  })
  for await (const text of textStream) yield token(field, text)
  if (failure) throw failure.error // a text stream just ends there
}

await serve(composer(complete))
