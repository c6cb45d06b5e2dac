/**
 * Which run is which: the id that a run has in this browser, and the runs that this tab shows, so that a reload shows
 * them again. Whatever else a run may be found by, such as an address, belongs here.
 */

const SHOWN = 'tributary-shown'

/** 128 random bits as hexadecimal digits. `crypto.randomUUID` isn't there on pages without TLS from other machines. */
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
