/**
 * Which run is which: the id that a run has, the runs that this tab shows, so that a reload shows them again, and the
 * addresses by which others find a run.
 */

const SHOWN = 'tributary-shown'
const PARAMETER = 'run'

/** Until the service has given it one, and for runs that no service keeps: 128 random bits as hexadecimal digits. `crypto.randomUUID` isn't there on pages without TLS from other machines. */
export function newRunId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

// Browsers set to store nothing throw on any use of sessionStorage. A reload then begins with nothing.

/** The ids of the runs that this tab showed last. */
export function shownRuns(): readonly string[] {
  try {
    const ids: unknown = JSON.parse(sessionStorage.getItem(SHOWN) ?? '[]')
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}

export function rememberShown(ids: readonly string[]): void {
  try {
    if (ids.length === 0) sessionStorage.removeItem(SHOWN)
    else sessionStorage.setItem(SHOWN, JSON.stringify(ids))
  } catch {}
}

/** The run that the page's address names. */
export const linkedRun = (): string | undefined =>
  new URLSearchParams(location.search).get(PARAMETER) || undefined

/** Has the page's address name a run, or none, so that it can be copied and reloaded. */
export function nameInAddress(id: string | undefined): void {
  if (id === linkedRun()) return
  const url = new URL(location.href)
  if (id === undefined) url.searchParams.delete(PARAMETER)
  else url.searchParams.set(PARAMETER, id)
  history.replaceState(history.state, '', url)
}

/** An address that leads to no run. */
export function withoutRun(address: URL): URL {
  const url = new URL(address)
  url.searchParams.delete(PARAMETER)
  return url
}

/**
 * The address of a run for others.
 *
 * @param service where the service is
 */
export const linkTo = (id: string, service: URL): string =>
  new URL(`runs/${encodeURIComponent(id)}`, service).href
