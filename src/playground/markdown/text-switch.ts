/** Whether texts are shown as Markdown or as the model wrote them: the reader's choice, which the browser remembers. */

const KEY = 'tributary-text'

/** Marks elements that want to know when the reader chooses, by an event of the same name. */
export const SWITCHED = 'switched-text'

let isRaw = remembered()

/** Whether texts are shown as they were written. */
export const showsRaw = () => isRaw

/** Makes the button choose between the two. */
export function switchTexts(button: HTMLButtonElement): void {
  const show = () => {
    button.textContent = `Text: ${isRaw ? 'raw' : 'formatted'}`
  }
  button.addEventListener('click', () => {
    isRaw = !isRaw
    remember()
    show()
    // The elements listen themselves, so that nothing has to know of those that have left the page.
    for (const element of document.querySelectorAll(`.${SWITCHED}`))
      element.dispatchEvent(new Event(SWITCHED))
  })
  show()
}

// Browsers set to store nothing throw on any use of localStorage. The choice then lasts until the page is left.

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) === 'raw'
  } catch {
    return false
  }
}

function remember(): void {
  try {
    localStorage.setItem(KEY, isRaw ? 'raw' : 'formatted')
  } catch {}
}
