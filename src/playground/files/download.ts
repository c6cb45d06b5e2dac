/** Gives the reader a file. */
import { el } from '../dom.ts'

/** Milliseconds after which a browser has surely begun to save it. */
const KEPT_MS = 60_000

export function download(name: string, type: string, text: string): void {
  const link = el('a')
  link.href = URL.createObjectURL(new Blob([text], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS)
}

/** A file's name without its ending: words of the title, as every system takes them. */
export function nameFor(title: string): string {
  const words = title.normalize('NFC').match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
  return words.join('-').slice(0, 60).toWellFormed().replace(/-+$/, '') || 'run'
}
