/** Styles of a text on a terminal. */
import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'

const COLOURS = ['red', 'green', 'yellow', 'cyan'] as const

export type Style = (typeof COLOURS)[number] | 'bold' | 'dim' | 'italic'

/** The text in a style, which it ends itself. */
export type Paint = (style: Style | undefined, text: string) => string

/** `NO_COLOR`, and terminals that have no colours, take away the colours alone: weight and slant stay. */
export function paintFor(terminal: Pick<WriteStream, 'hasColors'>): Paint {
  const without: readonly string[] = terminal.hasColors() ? [] : COLOURS
  return (style, text) =>
    style === undefined || text === '' || without.includes(style)
      ? text
      : styleText(style, text, { validateStream: false })
}
