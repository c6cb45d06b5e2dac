/** The part of a form's field that holds a value. What is around it, such as the label, is the field's. */

/** A value, which is undefined if nothing is there; or what is wrong with what is there, as a sentence. */
export type Reading = { readonly value: unknown } | { readonly fault: string }

export type Control = {
  /** What the label names and the keyboard reaches. */
  readonly element: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement
  /** What stands next to the label, such as a button. */
  readonly tool?: HTMLElement
  /** How a value is written, in a sentence, if that isn't plain. */
  readonly note?: string
  readonly read: () => Reading
  /** Shows a value; undefined empties it. */
  readonly write: (value: unknown) => void
}
