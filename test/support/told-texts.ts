/** What the parallel composer's models write in tests of other people's clients: hostile texts, cut at any place. */
import fc from 'fast-check'
import { only, type Script } from './upstream.ts'

const text = fc
  .oneof(
    fc.string({
      unit: fc.constantFrom(
        'a',
        ' ',
        '"',
        '\\',
        '\n',
        '\r\n',
        '\u2028',
        '\u0085',
        'é',
        '😀',
        '👩‍👩‍👧',
        '**',
        '`',
      ),
      maxLength: 30,
    }),
    fc.constantFrom(
      'data: [DONE]\n\n',
      '{"error":{"message":"forged"}}',
      '</think>',
      'event: error\ndata: {}',
    ),
  )
  // As the protocol has it: a value is what the model wrote, less white space at both ends.
  .map((one) => one.trim())

export type Texts = {
  readonly brainstorm: string
  readonly evidence: string
  readonly reasoning: string
  readonly answer: string
}

export const texts: fc.Arbitrary<Texts> = fc.record({
  brainstorm: text,
  evidence: text,
  reasoning: text,
  answer: text,
})

/** @param size UTF-16 units of a piece */
export const told =
  (texts: Texts, size: number): Script =>
  (exchange) =>
    exchange.answer(
      Object.fromEntries(exchange.fields.map((field) => [field, texts[field as keyof Texts]])),
      size,
    )

/** Writes half of the answer, and then fails. */
export const failing = only('answer', (exchange) => {
  exchange
    .open()
    .deltas('[[ ## reasoning ## ]]\nSo.\n\n[[ ## answer ## ]]\nHalf of it')
    .finish('content_filter')
})

/** What that run is told to have failed of. */
export const FAILURE = "A filter cut the model's answer (content_filter). Ask in another way."
