/** Whether this is white space between the parts of JSON, which has four kinds of it (RFC 8259 §2). */
export const isBlank = (character: string) =>
  character === ' ' || character === '\n' || character === '\t' || character === '\r'
