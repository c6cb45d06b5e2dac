/** Examples for the OpenAPI document: what the service really sends, or would. Tests check them against the schemas. */
import type { Frame, PredictionFrame } from '../core/frame.ts'
import { NotAdmitted } from '../runs/runs.ts'
import { DONE, encodeFrame } from '../wire/native.ts'
import { wrongHost } from './hosts.ts'
import { unauthorized } from './keys.ts'
import { Problem, type ProblemBody } from './problem.ts'
import type { Readiness } from './routes/health.ts'
import type { RunState } from './routes/runs.ts'
import { keyTaken, noSuchRun } from './run-problems.ts'

export const QUESTION = 'Why is the sky blue?'

export const REQUEST_ID = '0b1f6c0e-6f0b-4f5c-9d61-4a3c9c1e2b57'

/** A short run of the built-in program, from its first frame to its last. */
export const FRAMES: readonly Frame[] = [
  { type: 'status', message: 'Spinning ideas...', module: 'ideas', phase: 'start' },
  { type: 'status', message: 'Pulling evidence...', module: 'evidence', phase: 'start' },
  token('ideas.brainstorm', 'brainstorm', 'Air scatters'),
  token('evidence.probe', 'evidence', 'Blue light is scattered'),
  token('ideas.brainstorm', 'brainstorm', ' short waves more.', true),
  { type: 'status', message: 'Ideas ready.', module: 'ideas', phase: 'end' },
  token('evidence.probe', 'evidence', ' six times as much as red.', true),
  { type: 'status', message: 'Evidence ready.', module: 'evidence', phase: 'end' },
  token('compose', 'answer', 'Because air scatters'),
  token('compose', 'answer', ' blue light the most.', true),
  {
    type: 'prediction',
    data: {
      reasoning: 'Ideas and evidence agree.',
      answer: 'Because air scatters blue light the most.',
    },
  },
]

function token(predictor: string, field: string, chunk: string, is_last = false): Frame {
  return { type: 'token', field, predictor, chunk, is_last }
}

/** That run as its client reads it. */
export const STREAM = FRAMES.map(encodeFrame).join('') + DONE

export const READY: Readiness = { status: 'ready', model: { provider: 'openai', name: 'gpt-5-mini' } }

const { message, retryAfter } = new NotAdmitted('too_many_streams')

const PROBLEMS = {
  400: new Problem('bad_body', 'question: write something for question.', {
    faults: [{ pointer: '/question', detail: 'write something for question' }],
  }),
  401: unauthorized(),
  408: new Problem('request_timeout', 'The request took too long to arrive.'),
  404: noSuchRun(),
  413: new Problem('body_too_large', 'The body may have 131072 bytes. Ask a shorter question.'),
  415: new Problem(
    'unsupported_media_type',
    "The body came with 'text/plain'. Send JSON and say so: add the header 'content-type: application/json'.",
  ),
  421: wrongHost(),
  422: keyTaken(),
  503: new Problem('too_many_streams', `${message} Ask again in ${retryAfter} seconds.`),
} as const satisfies Partial<Record<ProblemBody['status'], Problem>>

/** The same run, of those that outlive their connection. */
export const RUN: RunState = {
  id: 'AYk2b7b1s0iVq2f4oX5nZw',
  program: 'parallel-composer',
  inputs: { question: QUESTION },
  status: 'done',
  attempt: 1,
  position: '1-12',
  created_at: '2026-11-30T12:00:00.000Z',
  duration_ms: 4_200,
  expires_at: '2026-11-30T13:00:04.200Z',
  prediction: FRAMES.at(-1) as PredictionFrame,
}

/** A refusal with this status. */
export const problemExample = (status: keyof typeof PROBLEMS): ProblemBody =>
  PROBLEMS[status].toBody(REQUEST_ID)
