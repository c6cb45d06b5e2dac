/** Which model answers, and whether it can yet. */
import { setAttribute, setText } from './dom.ts'

/** Milliseconds between checks of a service that isn't ready. */
const AGAIN_MS = 2_000

type Readiness = { status: string; model: { name: string; note?: string } }

export async function showModel(label: HTMLElement, url: URL): Promise<void> {
  try {
    const readiness: Readiness = await (await fetch(new URL('readyz', url))).json()
    const { status, model } = readiness
    const name = model.note ? `${model.name} (${model.note})` : model.name
    setText(label, status === 'ready' ? name : `${name} · ${status}`)
    label.title = name
    setAttribute(label, 'data-status', status)
    if (status === 'ready') return
  } catch {
    setText(label, 'the service is not answering')
    setAttribute(label, 'data-status', 'away')
  }
  setTimeout(() => showModel(label, url), AGAIN_MS)
}
