/** The job as everybody first writes it: the official client, an async generator for each call, a merge by hand. */
import OpenAI from 'openai'
import { composer } from './composer.ts'
import { type Field, type Inputs, prompts, serve, type Token, token, UPSTREAM } from './serve.ts'

const client = new OpenAI({ baseURL: UPSTREAM, apiKey: 'none' })

async function* complete(field: Field, inputs: Inputs, signal: AbortSignal): AsyncGenerator<Token> {
  const stream = await client.chat.completions.create(
    { model: 'plain', messages: [{ role: 'user', content: prompts[field](inputs) }], stream: true },
    { signal },
  )
  for await (const chunk of stream) {
    const text = chunk.choices[0]?.delta.content
    if (text) yield token(field, text)
  }
}

await serve(composer(complete))
