/** The job as everybody writes it first: the official client, an async generator for each call, a merge by hand. */
import OpenAI from 'openai'
import { merge } from './merge.ts'
import { type Field, type Frame, prediction, prompts, serve, type Token, token, UPSTREAM } from './serve.ts'

const client = new OpenAI({ baseURL: UPSTREAM, apiKey: 'none' })

async function* complete(field: Field, prompt: string, signal: AbortSignal): AsyncGenerator<Token> {
  const stream = await client.chat.completions.create(
    { model: 'plain', messages: [{ role: 'user', content: prompt }], stream: true },
    { signal },
  )
  for await (const chunk of stream) {
    const text = chunk.choices[0]?.delta.content
    if (text) yield token(field, text)
  }
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
