/** When somebody comes back to the page, as from the editor in which they have changed the program. */

/** @param then called each time, but not for a page that has just been opened */
export function onReturn(then: () => void): void {
  addEventListener('focus', then)
}
