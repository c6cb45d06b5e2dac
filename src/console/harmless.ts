/**
 * Model text on a terminal. Terminals obey control characters (C0, DEL, C1: ECMA-48), and bidirectional controls
 * (Unicode UAX #9) reorder what a reader sees. Neither reaches the terminal raw.
 */

const BIDI = '\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069'
const CONTROLS = new RegExp(`[\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029${BIDI}]`, 'g')
const UNESCAPED_BY_JSON = new RegExp(`[\\u007f-\\u009f\\u2028\\u2029${BIDI}]`, 'g')

/** C0 controls and DEL have pictures (U+2400…); others become U+FFFD. */
function picture(control: string): string {
  const code = control.charCodeAt(0)
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd'
}

/** Text of several lines: line feeds and tabs stay, CRLF becomes LF. */
export function harmlessText(text: string): string {
  return text
    .toWellFormed()
    .replaceAll('\r\n', '\n')
    .replace(CONTROLS, (control) => (control === '\n' || control === '\t' ? control : picture(control)))
}

/** Text on one line: white space of any kind becomes single spaces. */
export function harmlessLine(text: string): string {
  return text.toWellFormed().replace(/\s+/g, ' ').replace(CONTROLS, picture)
}

/** JSON on one line. JSON itself escapes only C0. */
export function harmlessJson(value: unknown): string {
  return JSON.stringify(value).replace(
    UNESCAPED_BY_JSON,
    (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
