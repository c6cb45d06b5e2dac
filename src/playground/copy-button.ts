/** A button that copies a text and says so. */
import { button } from './dom.ts'

/** Milliseconds for which it says what happened. */
const SAYS_MS = 1_600

/**
 * @param what is copied, for those who don't see where the button stands
 * @param text gives what to copy, when asked
 */
export function copyButton(what: string, text: () => string): HTMLButtonElement {
  let timer: ReturnType<typeof setTimeout> | undefined
  const element = button('quiet copy', 'Copy', async () => {
    const copied = await copy(text())
    say(copied ? 'Copied' : 'Not copied')
    clearTimeout(timer)
    timer = setTimeout(() => say('Copy'), SAYS_MS)
  })
  const say = (word: string) => {
    element.textContent = word
    element.setAttribute('aria-label', `${word} ${what}`)
  }
  say('Copy')
  return element
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyBySelection(text)
  }
}

/** Pages that come over plain HTTP from another machine have no clipboard, but may still copy a selection. */
function copyBySelection(text: string): boolean {
  const focused = document.activeElement
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'unseen'
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return copied
}
