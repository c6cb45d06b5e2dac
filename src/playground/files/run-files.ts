/** A run as a document for people and as JSON for programs. */
import { isJson, type Lane, nameOf, outputsOf, REASONING, standing } from '../../client/index.ts'
import { askedInWords } from '../asked-words.ts'
import { laneFigures, runFigures } from '../figures.ts'
import type { ShownRun } from '../shown-run.ts'

export function markdownFile({ record, folding }: ShownRun): string {
  const { title, others } = askedInWords(record)
  const { state } = folding
  const { answer, prices } = record.program
  const isAnswer = ({ predictor }: Lane) => predictor === answer?.predictor
  const parts = [`# ${title.split('\n').join('\n# ')}`]
  parts.push(...others.map(([label, value]) => `**${label}:** ${value}`))
  const section = (lane: Lane, heading: string) => [
    `## ${heading}`,
    ...(lane.phase === 'done' ? [] : [`*${standing(lane, state.truncated)}*`]),
    ...outputsOf(lane).flatMap(([name, { text }], _, { length }) => [
      ...(length > 1 ? [`### ${name}`] : []),
      ...(text === '' ? [] : [isJson(lane, name) ? fenced(text, 'json') : text]),
    ]),
    ...asList([laneFigures(lane, prices)]),
  ]
  for (const lane of state.lanes.filter(isAnswer)) parts.push(...section(lane, 'Answer'))
  for (const lane of state.lanes.filter((one) => !isAnswer(one))) parts.push(...section(lane, nameOf(lane)))
  if (state.error) parts.push(`**${state.error.code}:** ${state.error.message}`)
  parts.push(
    '---',
    `${record.program.name} · ${record.askedAt} · ${state.phase} · ${runFigures(state, prices)}`,
  )
  return `${parts.join('\n\n')}\n`
}

const asList = (texts: readonly string[]) => texts.filter((text) => text !== '').map((text) => `*${text}*`)

/** A block of code that no text in it ends. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text}\n${fence}`
}

export function jsonFile({ record, folding }: ShownRun): string {
  const { phase, lanes, prediction, error, truncated, degraded } = folding.state
  return `${JSON.stringify(
    {
      program: record.program.name,
      inputs: record.asked.inputs,
      at: record.askedAt,
      phase,
      prediction,
      error,
      truncated,
      degraded,
      lanes: lanes.map((lane) => ({
        predictor: lane.predictor,
        call: lane.call,
        phase: lane.phase,
        attempt: lane.attempt,
        reasoning: lane.fields[REASONING]?.text,
        fields: Object.fromEntries(
          outputsOf(lane).map(([name, { text }]) => [name, parsed(lane, name, text)]),
        ),
        started_ms: lane.startedAt,
        first_token_ms: lane.firstTokenAt,
        ended_ms: lane.endedAt,
        usage: lane.usage,
      })),
    },
    null,
    2,
  )}\n`
}

/** A typed value as such; one that isn't whole is the text so far. */
function parsed(lane: Lane, name: string, text: string): unknown {
  if (!isJson(lane, name)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
