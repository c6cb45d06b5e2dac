/** Which model answers, and whether it can: true within two seconds of any change, while somebody looks. */
import { setAttribute, setText } from './dom.ts'

/** Milliseconds between two checks, and that one may take. */
const EVERY_MS = 1_000

type Readiness = { status: string; model: { name: string; note?: string } }

export function showModel(label: HTMLElement, url: URL): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let isChecking = false
  const check = async () => {
    clearTimeout(timer)
    if (isChecking || document.hidden) return
    isChecking = true
    await checkOnce(label, url)
    isChecking = false
    timer = setTimeout(check, EVERY_MS)
  }
  for (const event of ['online', 'offline', 'focus']) addEventListener(event, check)
  document.addEventListener('visibilitychange', check)
  check()
}

async function checkOnce(label: HTMLElement, url: URL): Promise<void> {
  try {
    const response = await fetch(new URL('readyz', url), { signal: AbortSignal.timeout(EVERY_MS) })
    const { status, model }: Readiness = await response.json()
    const name = model.note ? `${model.name} (${model.note})` : model.name
    setText(label, status === 'ready' ? name : `${name} · ${status}`)
    label.title = name
    setAttribute(label, 'data-status', status)
  } catch {
    setText(label, 'the service is not answering')
    setAttribute(label, 'data-status', 'away')
  }
}
