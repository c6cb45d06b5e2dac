/**
 * The question in the address, `?question=`. It fills the box and nothing more: a link that asked by itself would spend
 * the money of whoever follows it.
 */
const PARAMETER = 'question'

export const linkedQuestion = (): string | undefined =>
  new URLSearchParams(location.search).get(PARAMETER)?.trim() || undefined

/** Takes it out of the address once something is asked, so that a reload shows what was asked. */
export function forgetLinkedQuestion(): void {
  const url = new URL(location.href)
  if (!url.searchParams.has(PARAMETER)) return
  url.searchParams.delete(PARAMETER)
  history.replaceState(null, '', url)
}
