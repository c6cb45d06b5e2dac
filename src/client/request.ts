/** What every request to the service has in common: its address, its key, and answers that aren't what was asked for. */
import { type Fault, NotTheServiceError, RefusedError } from './errors.ts'

/** How a service is reached. */
export type Connection = {
  /** The service's address, such as `http://127.0.0.1:8000`. */
  readonly url: string | URL
  /** The key, if the service wants one. It goes into a header, never into the address. */
  readonly apiKey?: string | undefined
  /** Ends the request. */
  readonly signal?: AbortSignal | undefined
  /** Used instead of the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined
}

/** The URL of a route, whether or not the service's address ends in a slash. */
export function addressOf(url: string | URL, route: string): URL {
  const base = new URL(url)
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return new URL(route, base)
}

export function authorization(apiKey: string | undefined): Record<string, string> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
}

export const isOf = (response: Response, type: string): boolean =>
  (response.headers.get('content-type') ?? '').startsWith(type)

/** Seconds until asking again makes sense, if the answer says so: as a number or, as proxies may, as a date. */
export function retryAfterOf({ headers }: Response): number | undefined {
  const text = headers.get('retry-after') ?? ''
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}

type Problem = { code?: string; detail?: string; errors?: readonly Fault[] }

/** The error for an answer that isn't what was asked for: a refusal, or something that isn't the service. */
export async function refusalOf(response: Response, url: string | URL): Promise<Error> {
  const { status } = response
  if (isOf(response, 'application/problem+json')) {
    const problem = (await response.json()) as Problem
    const retryAfter = retryAfterOf(response)
    return new RefusedError(problem.detail ?? `The service refused the question with status ${status}.`, {
      status,
      code: problem.code ?? 'refused',
      ...(problem.errors && { faults: problem.errors }),
      retryAfter,
    })
  }
  await response.body?.cancel()
  const type = response.headers.get('content-type') ?? 'no content type'
  return new NotTheServiceError(
    `${new URL(url).origin} isn't a Tributary service: it answered with status ${status} and ${type}.`,
  )
}
