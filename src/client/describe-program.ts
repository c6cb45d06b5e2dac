/** Asks the service what its programs are, before a run. */
import type { ProgramDescription, ProgramList } from '../core/description.ts'
import { addressOf, authorization, type Connection, isOf, refusalOf } from './request.ts'

/**
 * Asks for the description of a program.
 *
 * @param asking `program` is its name; left out, the service's default program
 * @throws NotTheServiceError, RefusedError (`not_found` for a name that the service doesn't have); what `fetch` throws
 *   when nothing answers; the signal's reason when it aborts
 */
export function describeProgram({
  program,
  ...connection
}: Connection & { readonly program?: string | undefined }): Promise<ProgramDescription> {
  const route = program === undefined ? 'v1/program' : `v1/programs/${encodeURIComponent(program)}`
  return get<ProgramDescription>(connection, route)
}

/**
 * Asks for the descriptions of all programs.
 *
 * @throws NotTheServiceError, RefusedError; what `fetch` throws when nothing answers; the signal's reason when it aborts
 */
export function describePrograms(connection: Connection): Promise<ProgramList> {
  return get<ProgramList>(connection, 'v1/programs')
}

async function get<Answer>(
  { url, apiKey, signal, fetch = globalThis.fetch }: Connection,
  route: string,
): Promise<Answer> {
  const response = await fetch(addressOf(url, route), {
    headers: authorization(apiKey),
    ...(signal && { signal }),
  })
  if (!response.ok || !isOf(response, 'application/json')) throw await refusalOf(response, url)
  return (await response.json()) as Answer
}
