/** The job with LangGraph: a node for each call, two branches from the start, tokens by the stream mode `messages`. */
import { Annotation, END, START, StateGraph } from '@langchain/langgraph'
import { ChatOpenAI } from '@langchain/openai'
import { type Field, type Frame, prediction, prompts, serve, token, UPSTREAM } from './serve.ts'

const model = new ChatOpenAI({
  model: 'plain',
  apiKey: 'none',
  streaming: true,
  configuration: { baseURL: UPSTREAM },
})

const State = Annotation.Root({
  question: Annotation<string>,
  brainstorm: Annotation<string>,
  evidence: Annotation<string>,
  answer: Annotation<string>,
})

const graph = new StateGraph(State)
  .addNode('ideas', async (state, config) => {
    const { text } = await model.invoke(prompts.brainstorm(state), config)
    return { brainstorm: text }
  })
  // A node can't have the name of a part of the state.
  .addNode('probe', async (state, config) => {
    const { text } = await model.invoke(prompts.evidence(state), config)
    return { evidence: text }
  })
  .addNode('compose', async (state, config) => {
    const { text } = await model.invoke(prompts.answer(state), config)
    return { answer: text }
  })
  .addEdge(START, 'ideas')
  .addEdge(START, 'probe')
  .addEdge(['ideas', 'probe'], 'compose')
  .addEdge('compose', END)
  .compile()

const FIELDS: Record<string, Field> = { ideas: 'brainstorm', probe: 'evidence', compose: 'answer' }

async function* run(question: string, signal: AbortSignal): AsyncGenerator<Frame> {
  let answer = ''
  const stream = await graph.stream({ question }, { streamMode: 'messages', signal })
  for await (const [message, metadata] of stream) {
    const field = FIELDS[metadata.langgraph_node] as Field
    if (message.text === '') continue
    if (field === 'answer') answer += message.text
    yield token(field, message.text)
  }
  yield prediction(answer)
}

await serve(run)
