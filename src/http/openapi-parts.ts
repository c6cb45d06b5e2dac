/** Pieces that the paths of the OpenAPI document are made of. */
import { problemExample } from './examples.ts'

export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })

export const json = (name: string, description: string, example: unknown) => ({
  description,
  content: { 'application/json': { schema: ref(name), example } },
})

export const refusal = (
  status: Parameters<typeof problemExample>[0],
  description: string,
  headers?: Record<string, string>,
) => ({
  [status]: {
    description,
    content: {
      'application/problem+json': { schema: ref('Problem'), example: problemExample(status) },
    },
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

export const WRONG_HOST = refusal(421, 'The Host header has a name that the service does not answer to.')

/** The answers that any route may give. */
export const anyRoute = (hasKeys: boolean) => ({
  ...(hasKeys &&
    refusal(401, 'The key is missing or wrong, or is in the address.', { 'www-authenticate': 'Bearer.' })),
  ...WRONG_HOST,
})

/** The answers of a route that takes a question. */
export const askingRoute = (hasKeys: boolean) => ({
  ...refusal(400, 'The body is wrong, or the question too long for the model.'),
  ...anyRoute(hasKeys),
  ...refusal(408, 'The body took too long.'),
  ...refusal(413, 'The body is too large.'),
  ...refusal(415, "The body's content type isn't JSON, or it is compressed."),
  ...refusal(422, 'The run with this Idempotency-Key was asked something else.'),
  ...refusal(
    503,
    "The limit of open streams is reached, the service is shutting down, or what keeps resumable runs can't be reached.",
    { 'retry-after': 'Seconds.' },
  ),
})
