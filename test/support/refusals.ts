/** What a refusal before the stream looks like. */
import assert from 'node:assert/strict'
import { type ProblemBody, problemBody } from '../../src/http/problem.ts'
import type { Answer } from './raw-client.ts'
import type { Service } from './service.ts'

/** The problem details of an answer that has this status and code. */
export async function refusalOf(
  answer: Response | Answer,
  status: number,
  code: string,
): Promise<ProblemBody> {
  const text = answer instanceof Response ? await answer.text() : answer.body
  assert.equal(answer.status, status, text)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json\b/)
  const body = problemBody.strict().parse(JSON.parse(text))
  assert.equal(body.code, code, text)
  assert.equal(body.status, status)
  assert.equal(body.request_id, answer.headers.get('x-request-id'))
  assert.ok(body.title.length > 0 && body.detail.length > 0)
  assert.doesNotMatch(body.detail, /undefined|\[object|node_modules|\n/)
  return body
}

/** Posts a body as it is. */
export function postBody(
  { url }: Service,
  body: NonNullable<RequestInit['body']>,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<Response> {
  // `duplex` is what fetch wants for bodies of unknown length; types for it are missing.
  return fetch(`${url}/v1/stream`, { method: 'POST', body, headers, duplex: 'half' } as RequestInit)
}

/** After refusals: no model was asked, and nothing is left of them. */
export async function assertNothingRan(service: Service): Promise<void> {
  assert.equal(service.upstream.exchanges.length, 0, 'a model was asked')
  await service.assertQuiet()
}
