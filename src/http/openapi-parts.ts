/** Pieces that the paths of the OpenAPI document are made of. */

export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
export const json = (name: string, description: string) => ({
  description,
  content: { 'application/json': { schema: ref(name) } },
})
export const refusal = (description: string, headers?: Record<string, string>) => ({
  description,
  content: { 'application/problem+json': { schema: ref('Problem') } },
  ...(headers && {
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [
        name,
        { description: text, schema: { type: 'string' } },
      ]),
    ),
  }),
})

export const WRONG_HOST = refusal('The Host header has a name that the service does not answer to.')

/** The answers that any route may give. */
export const anyRoute = (hasKeys: boolean) => ({
  ...(hasKeys && {
    401: refusal('The key is missing or wrong, or is in the address.', { 'www-authenticate': 'Bearer.' }),
  }),
  421: WRONG_HOST,
})

/** The answers of a route that takes a question. */
export const askingRoute = (hasKeys: boolean) => ({
  400: refusal('The body is wrong, or the question too long for the model.'),
  ...anyRoute(hasKeys),
  408: refusal('The body took too long.'),
  413: refusal('The body is too large.'),
  415: refusal("The body's content type isn't JSON, or it is compressed."),
  422: refusal('The run with this Idempotency-Key was asked something else.'),
  503: refusal(
    "The limit of open streams is reached, the service is shutting down, or what keeps resumable runs can't be reached.",
    { 'retry-after': 'Seconds.' },
  ),
})
