/** The theme: the system's, or the one that the reader chose, which the browser remembers. */

const THEMES = ['auto', 'light', 'dark'] as const
type Theme = (typeof THEMES)[number]

const KEY = 'tributary-theme'

/** Makes the button go through the themes, from the remembered one on. */
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

// Browsers that are told to keep nothing throw at the mention of localStorage; the theme then lasts for the visit.

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
