/** The body of a question: bytes -> JSON -> a checked question. Nothing is coerced and nothing is guessed. */
import { z } from 'zod'
import { type Fault, Problem } from '../problem.ts'

/** @param maxChars what a question may have, in UTF-16 units after trimming */
export function questionSchema(maxChars: number) {
  return z
    .strictObject({
      question: z
        .string('a string is needed')
        .trim()
        .min(1, 'a question is needed')
        // Not by `max`, which counts code points: UTF-16 units are what clients and their input fields count.
        .refine(({ length }) => length <= maxChars, `at most ${maxChars} characters are taken`)
        .meta({ description: 'What to answer.', maxLength: maxChars }),
      include: z
        .array(
          z.enum(['reasoning', 'usage'], "only 'reasoning' and 'usage' can be included"),
          'an array is needed',
        )
        .optional()
        .describe('Extra frames, off by default.'),
    })
    .meta({ examples: [{ question: 'Why stream parallel branches?' }] })
}

type QuestionSchema = ReturnType<typeof questionSchema>
export type Question = z.infer<QuestionSchema>

/**
 * @param body what the JSON parser gave; undefined where the request had none
 * @throws Problem 400 with one pointer for each fault
 */
export function checkQuestion(schema: QuestionSchema, body: unknown): Question {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const faults = result.error.issues.flatMap(faultsOf)
  const list = faults
    .map(({ pointer, detail }) => (pointer === '' ? detail : `${pointer}: ${detail}`))
    .join('; ')
  throw new Problem(400, 'bad_body', `The body must be like {"question": "…"}. ${list}.`, { faults })
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  const at = issue.path.map(pointerPart).join('')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: at + pointerPart(key),
      detail: 'this key is not known; leave it out',
    }))
  }
  return [{ pointer: at, detail: at === '' ? 'an object is needed' : issue.message }]
}

/** RFC 6901 §3: `~` and `/` are escaped. */
const pointerPart = (key: PropertyKey) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`
