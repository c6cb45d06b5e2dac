/**
 * Retrieval: an answer from this repository's own documentation, with its sources. One branch thinks on its own while
 * the other searches and reads; the search is a lane of its own, passage by passage.
 */
import { chainOfThought, module, program, tool } from 'tributary'
import { openIndex } from './_docs-index.ts'

const index = openIndex(new URL('../../docs/', import.meta.url))

const search = tool(
  'query: str, k: int -> passages: list[str]',
  async function* ({ query, k }, { status }) {
    const hits = (await index).search(query).slice(0, k)
    for (const { source, text } of hits) yield `${source}: ${text}`
    status(`${hits.length} passages read.`)
  },
  { description: 'Finds passages of the documentation.' },
)

export default program(
  'question: str, history: History -> answer: str, sources: list[str]',
  {
    retrieve: module({ search }, { start: ({ inputs }) => `Looking for “${inputs.query}”…` }),
    ideas: module(
      { brainstorm: chainOfThought('question, history: History -> brainstorm') },
      { start: 'Spinning ideas...' },
    ),
    evidence: module(
      {
        probe: chainOfThought('question, passages: list[str] -> evidence, cited: list[int]', {
          describe: { cited: 'numbers of the passages used, from 0' },
        }),
      },
      {
        end: ({ outputs }) => `${outputs.cited.length} sources.`,
        fail: ({ code }) => `No evidence (${code}).`,
        required: false,
        deadlineMs: 60_000,
      },
    ),
    compose: chainOfThought('question, brainstorm, evidence -> answer'),
  },
  async ({ retrieve, ideas, evidence, compose }, { question, history }) => {
    const thinking = ideas.brainstorm({ question, history })
    const { passages } = await retrieve.search({ query: question, k: 3 })
    const [{ brainstorm }, probed] = await Promise.all([thinking, evidence.probe({ question, passages })])
    const { answer } = await compose({ question, brainstorm, evidence: probed?.evidence ?? 'none found' })
    return { answer, sources: (probed?.cited ?? []).flatMap((at) => passages[at] ?? []) }
  },
  { description: 'Answers questions about Tributary from its own documentation.' },
)
