/**
 * Typed extraction: a text in, checked values out. `vendor` streams as text and `lines` as the exact JSON; with
 * `"include": ["values"]` each line comes once more as a checked value, when its brace closes.
 */
import { predict, program } from 'tributary'
import { z } from 'zod'

const Line = z.object({ item: z.string(), quantity: z.int().min(1), price: z.number() })
const types = { Line }

export default program(
  'text: str -> vendor: str, lines: list[Line], currency: Literal["EUR", "USD"], total: float, sure: bool',
  {
    read: predict('text -> vendor: str, lines: list[Line], currency: Literal["EUR", "USD"]', {
      types,
      adapter: 'json',
      temperature: 0,
    }),
    judge: predict('text, lines: list[Line] -> sure: bool', {
      types,
      describe: { sure: 'whether every line of the text is among the lines' },
    }),
  },
  async ({ read, judge }, { text }) => {
    const { vendor, lines, currency } = await read({ text })
    const { sure } = await judge({ text, lines })
    const total = lines.reduce((sum, { quantity, price }) => sum + quantity * price, 0)
    return { vendor, lines, currency, total, sure }
  },
  { types, describe: { text: 'The text of an invoice.' }, description: 'Reads the lines of an invoice.' },
)
