/** The theme: the system's, or the reader's choice, which the browser remembers. */

const THEMES = ['auto', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]

const KEY = 'tributary-theme'

/** Makes the button cycle through the themes, starting from the remembered one. */
export function switchThemes(button: HTMLButtonElement): void {
  let theme = remembered()
  const show = () => {
    document.documentElement.dataset.theme = theme
    button.textContent = `Theme: ${theme}`
  }
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] as Theme
    remember(theme)
    show()
  })
  show()
}

// Browsers set to store nothing throw on any use of localStorage. The theme then lasts until the page is left.

function remembered(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'auto'
  } catch {
    return 'auto'
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme)
  } catch {}
}
