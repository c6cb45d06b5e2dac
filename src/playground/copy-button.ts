/** A button that copies a text and says that it did. */
import { button } from './dom.ts'

/** Milliseconds that the result stays on the button. */
const SAYS_MS = 1_600

/**
 * @param what names what is copied, for people who can't see where the button is
 * @param text returns the text to copy
 * @param label what it says otherwise
 */
export function copyButton(what: string, text: () => string, label = 'Copy'): HTMLButtonElement {
  let timer: ReturnType<typeof setTimeout> | undefined
  const element = button('quiet copy', label, async () => {
    const copied = await copy(text())
    say(copied ? 'Copied' : 'Not copied')
    clearTimeout(timer)
    timer = setTimeout(() => say(label), SAYS_MS)
  })
  const say = (word: string) => {
    element.textContent = word
    element.setAttribute('aria-label', word.endsWith(what) ? word : `${word} ${what}`)
  }
  say(label)
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

/** Pages served over plain HTTP from another machine have no clipboard API, but can still copy a selection. */
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
