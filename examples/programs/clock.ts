/**
 * A tool loop: the model decides which tools to call and in which order, and answers once it knows enough. Each turn's
 * thought is a lane, and so is each tool.
 */
import { chainOfThought, program, react, tool } from 'tributary'

const time = tool(
  'zone: str -> time: str',
  async ({ zone }) => ({
    time: new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      dateStyle: 'full',
      timeStyle: 'short',
    }).format(),
  }),
  { description: 'The date and time of a time zone, such as Asia/Tokyo.' },
)

const convert = tool(
  'value: float, unit: Literal["C", "F"] -> converted: float',
  async ({ value, unit }) => ({ converted: unit === 'C' ? value * 1.8 + 32 : (value - 32) / 1.8 }),
  { description: 'Converts a temperature from this unit to the other.' },
)

export default program(
  'question: str -> answer: str, turns: int',
  {
    // The lanes act.next_thought, act.time, act.convert; `call` counts the turns.
    act: react('question -> notes: list[str]', { tools: { time, convert }, maxTurns: 4 }),
    answer: chainOfThought('question, notes: list[str] -> answer', {
      check: ({ answer }) => (answer.length > 600 ? 'Say it in fewer than 600 characters.' : undefined),
      attempts: 2, // the second is announced by a `reset` frame
    }),
  },
  async ({ act, answer }, { question }) => {
    const { notes, turns } = await act({ question })
    return { answer: (await answer({ question, notes })).answer, turns }
  },
  { description: 'Answers questions with the help of a clock and a converter of temperatures.' },
)
