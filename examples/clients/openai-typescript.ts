// A program as a model of OpenAI's SDK: npm install openai, then node openai-typescript.ts "Why is the sky blue?"
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: process.env.BASE_URL ?? 'http://127.0.0.1:8000/v1', apiKey: 'none' })
const content = process.argv[2] ?? 'Why stream parallel branches?'
const stream = await client.chat.completions.create({
  model: 'parallel-composer',
  messages: [{ role: 'user', content }],
  stream: true,
})
for await (const { choices } of stream) process.stdout.write(choices[0]?.delta.content ?? '')
