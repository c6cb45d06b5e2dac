/** Pieces that the paths of the OpenAPI document are made of. */
import type { Program } from '../core/program.ts'
import { namesOf } from '../core/signature.ts'
import { problemExample, REQUEST_ID } from './examples.ts'
import type { Problem, ProblemBody } from './problem.ts'

export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })

/** Whether the examples fit: what other programs are asked, their schemas say. */
export const takesQuestion = ({ inputs }: Pick<Program, 'inputs'>): boolean =>
  namesOf(inputs).join() === 'question'

export const json = (name: string, description: string, example: unknown) => ({
  description,
  content: { 'application/json': { schema: ref(name), example } },
})

/** Which program answers, on routes that aren't a program's own. */
export const programParameter = (description: string) => ({
  name: 'program',
  in: 'query',
  required: false,
  description,
  schema: { type: 'string' },
})

const problemContent = (example: ProblemBody) => ({
  'application/problem+json': { schema: ref('Problem'), example },
})

/** A refusal that isn't said on other routes. */
export const ownRefusal = (problem: Problem, description: string) => ({
  [problem.status]: { description, content: problemContent(problem.toBody(REQUEST_ID)) },
})

export const refusal = (
  status: Parameters<typeof problemExample>[0],
  description: string,
  headers?: Record<string, string>,
) => ({
  [status]: {
    description,
    content: problemContent(problemExample(status)),
    ...(headers && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [
          name,
          { description: text, schema: { type: 'string' } },
        ]),
      ),
    }),
  },
})

export type Refusals = ReturnType<typeof refusal>

export const WRONG_HOST = refusal(421, 'The Host header has a name that the service does not answer to.')

/** The answers that any route may give. */
export const anyRoute = (hasKeys: boolean) => ({
  ...(hasKeys &&
    refusal(401, 'The key is missing or wrong, or is in the address.', { 'www-authenticate': 'Bearer.' })),
  ...WRONG_HOST,
})

/** Said on the bare socket, so in the same words on every route, whatever its clients read. */
export const LATE = refusal(408, 'The request took too long to arrive.')

/** The answers of a route that takes a question. */
export const askingRoute = (hasKeys: boolean) => ({
  ...refusal(400, 'The body is wrong, or the question too long for the model.'),
  ...anyRoute(hasKeys),
  ...LATE,
  ...refusal(413, 'The body is too large.'),
  ...refusal(415, "The body's content type isn't JSON, or it is compressed."),
  ...refusal(422, 'The run with this Idempotency-Key was asked something else.'),
  ...refusal(
    503,
    "The limit of open streams is reached, the service is shutting down, or what keeps resumable runs can't be reached.",
    { 'retry-after': 'Seconds.' },
  ),
})
