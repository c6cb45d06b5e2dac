/**
 * The default program: ideas and evidence at the same time, then an answer from both. Add a branch by giving it
 * a module, a call beside the others, and an input in compose's signature; everything else follows.
 */
import { chainOfThought, module, program } from '../index.ts'

export const parallelComposer = program(
  {
    ideas: module(
      { brainstorm: chainOfThought('question -> brainstorm') },
      { start: 'Spinning ideas...', end: 'Ideas ready.' },
    ),
    evidence: module(
      { probe: chainOfThought('question -> evidence') },
      { start: 'Pulling evidence...', end: 'Evidence ready.' },
    ),
    compose: chainOfThought('question, brainstorm, evidence -> answer'),
  },
  async ({ ideas, evidence, compose }, { question }) => {
    const [{ brainstorm }, probed] = await Promise.all([
      ideas.brainstorm({ question }),
      evidence.probe({ question }),
    ])
    return compose({ question, brainstorm, evidence: probed.evidence })
  },
)
