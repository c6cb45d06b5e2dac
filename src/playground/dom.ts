/** What the page does with the DOM. Text goes in as text nodes only, never as markup. */

type Child = Node | string

/** Makes an element with its class and its children. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className = '',
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  if (className) element.className = className
  element.append(...children)
  return element
}

/** The page's own element with this id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id)
  if (!element) throw new Error(`The page has no #${id}.`)
  return element as T
}

/** Sets a short text if it has changed: an unchanged one costs no layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** Sets an attribute if its value has changed. */
export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

/** A button that isn't the form's. */
export function button(className: string, label: string, onClick: () => void): HTMLButtonElement {
  const element = el('button', className, label)
  element.type = 'button'
  element.addEventListener('click', onClick)
  return element
}
