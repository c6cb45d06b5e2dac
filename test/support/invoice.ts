/** A program with an input of each kind, and outputs that aren't texts. */
import { z } from 'zod'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import type { Exchange } from './upstream.ts'

const Line = z.object({ item: z.string(), price: z.number() })
const types = { Line }

export const invoice = program(
  'text: str, limit: int, lang: Literal["en", "de"], urgent: bool, tags: list[str], known: list[Line], hint: Optional[str], sure: Optional[bool], history: History -> summary: str, lines: list[Line], asked: str',
  {
    summarise: predict('text: str, limit: int -> summary'),
    read: predict('text: str, known: list[Line] -> lines: list[Line], paid: bool', { types }),
  },
  async ({ summarise, read }, inputs) => {
    const { text, limit, known } = inputs
    const [{ summary }, { lines }] = await Promise.all([summarise({ text, limit }), read({ text, known })])
    return { summary, lines, asked: JSON.stringify(inputs) }
  },
  {
    types,
    description: 'Reads an invoice and sums it up.',
    describe: {
      text: 'The invoice',
      tags: 'What it is filed under.',
      known: 'Lines that are known already.',
    },
  },
)

export const LINES = '[{"item": "nut, M3", "price": 2.5},\n {"item": "bolt", "price": 10}]'

/** What the model writes for each of its fields. */
export function invoiceScript(exchange: Exchange): void {
  const written: Readonly<Record<string, string>> = { summary: 'Two lines.', lines: LINES, paid: 'false' }
  exchange.answer(Object.fromEntries(exchange.fields.map((field) => [field, written[field] as string])))
}
