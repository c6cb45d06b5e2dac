/**
 * Four branches at the same time, one of which may fail: an answer without numbers is better than none. When that
 * branch fails or takes too long, the prediction says so (`degraded`), and the others don't notice.
 */
import { chainOfThought, module, predict, program } from 'tributary'

export default program(
  'question: str -> answer: str',
  {
    ideas: module(
      { brainstorm: chainOfThought('question -> brainstorm') },
      { start: 'Spinning ideas...', end: 'Ideas ready.' },
    ),
    evidence: module(
      { probe: chainOfThought('question -> evidence') },
      { start: 'Pulling evidence...', end: 'Evidence ready.' },
    ),
    doubts: module(
      {
        doubt: predict('question -> doubts', {
          describe: { doubts: 'what speaks against the obvious answer' },
        }),
      },
      { start: 'Raising doubts...', end: 'Doubts raised.' },
    ),
    numbers: module(
      {
        estimate: predict('question -> figures: list[str]', {
          describe: { figures: 'figures worth knowing' },
        }),
      },
      {
        start: 'Looking for numbers...',
        end: ({ outputs }) => `${outputs.figures.length} numbers found.`,
        fail: 'Going on without numbers.',
        required: false,
        deadlineMs: 30_000,
      },
    ),
    compose: chainOfThought('question, brainstorm, evidence, doubts, figures: list[str] -> answer'),
  },
  async ({ ideas, evidence, doubts, numbers, compose }, { question }) => {
    const [{ brainstorm }, probed, doubted, estimated] = await Promise.all([
      ideas.brainstorm({ question }),
      evidence.probe({ question }),
      doubts.doubt({ question }),
      numbers.estimate({ question }),
    ])
    const { answer } = await compose({
      question,
      brainstorm,
      evidence: probed.evidence,
      doubts: doubted.doubts,
      figures: estimated?.figures ?? [],
    })
    return { answer }
  },
  { description: 'Ideas, evidence, doubts and numbers side by side, then an answer from all of them.' },
)
