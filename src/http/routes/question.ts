/** The body of a question: bytes -> JSON -> a checked question. Nothing is coerced and nothing is guessed. */
import { z } from 'zod'
import { excerpt, type Fault, MAX_FAULTS, Problem } from '../problem.ts'

const extraFrames = z.enum(['reasoning', 'usage'], "only 'reasoning' and 'usage' can be included")

/** Items of `include`. There are fewer to choose from, but saying one twice does no harm. */
const MAX_INCLUDE = 10

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
        .array(z.unknown(), 'an array is needed')
        // In a schema of its own, which comes first: zod looks at every item before it looks at their number, and
        // 60,000 wrong ones are 60,000 issues.
        .max(MAX_INCLUDE, `at most ${MAX_INCLUDE} items are taken`)
        .pipe(z.array(extraFrames))
        .meta({ items: { type: 'string', enum: extraFrames.options } }) // the first schema knows of none
        .optional()
        .describe('Extra frames, off by default.'),
    })
    .meta({ examples: [{ question: 'Why stream parallel branches?' }] })
}

type QuestionSchema = ReturnType<typeof questionSchema>
export type Question = z.infer<QuestionSchema>

/**
 * @param body what the JSON parser gave; undefined where the request had none
 * @throws Problem 400 with a pointer for each of the first faults; its detail says how many more there are
 */
export function checkQuestion(schema: QuestionSchema, body: unknown): Question {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const { issues } = result.error
  const faults = issues.flatMap(firstFaultsOf).slice(0, MAX_FAULTS)
  const list = faults.map(({ pointer, detail }) => (pointer === '' ? detail : `${pointer}: ${detail}`))
  const more = issues.reduce((sum, issue) => sum + numberOfFaults(issue), -faults.length)
  if (more > 0) list.push(`… and ${more.toLocaleString('en')} more`)
  const detail = `The body must be like {"question": "…"}. ${list.join('; ')}.`
  throw new Problem('bad_body', detail, { faults })
}

const numberOfFaults = (issue: z.core.$ZodIssue) =>
  issue.code === 'unrecognized_keys' ? issue.keys.length : 1

/** The faults of one issue, as many as an answer names at most. */
function firstFaultsOf(issue: z.core.$ZodIssue): Fault[] {
  const at = issue.path.map(pointerPart).join('')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, MAX_FAULTS).map((key) => ({
      pointer: at + pointerPart(key),
      detail: 'this key is not known; leave it out',
    }))
  }
  return [{ pointer: at, detail: at === '' ? 'an object is needed' : issue.message }]
}

/** RFC 6901 §3: `~` and `/` are escaped. A key that is cut can still be found by its beginning. */
const pointerPart = (key: PropertyKey) =>
  `/${excerpt(String(key)).replaceAll('~', '~0').replaceAll('/', '~1')}`
