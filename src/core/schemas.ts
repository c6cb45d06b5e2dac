/**
 * The shapes of `frame.ts` and `description.ts` as schemas, with a sentence for each key: for the OpenAPI document
 * and for the tests. The compiler checks that the two agree.
 */
import { z } from 'zod'
import type { ProgramDescription } from './description.ts'
import { wireCodes } from './errors.ts'
import type {
  ErrorFrame,
  Frame,
  PredictionFrame,
  ResetFrame,
  StatusFrame,
  TokenFrame,
  UsageFrame,
  ValueFrame,
} from './frame.ts'

/** A schema whose output is exactly this type: each is assignable to the other. */
const of =
  <T>() =>
  <S extends z.ZodType<T>>(schema: [T] extends [z.output<S>] ? S : never): S =>
    schema

export const statusFrame = of<StatusFrame>()(
  z
    .object({
      type: z.literal('status'),
      message: z.string().describe('A sentence for people.'),
      module: z.string().describe('The module that it is about.'),
      predictor: z
        .string()
        .optional()
        .describe(
          'The one part of the module that it is about: of `progress`, and of `failed` where it failed alone.',
        ),
      call: z.int().min(2).optional().describe('Which call of that part, from the second in one run on.'),
      phase: z
        .enum(['start', 'end', 'waiting', 'progress', 'failed'])
        .describe(
          '`waiting`: in a queue, or until a rate limit passes; the message says which. `progress`: what a tool says of its work. `failed`: the run goes on without it.',
        ),
      code: z.string().optional().describe('Of `failed`: what it failed of, as in an error frame.'),
    })
    .describe(
      'A module starts, ends, waits, gets on or has failed. The first one leaves before any model has answered.',
    ),
)

export const tokenFrame = of<TokenFrame>()(
  z
    .object({
      type: z.literal('token'),
      field: z.string().describe('The output field that the text belongs to.'),
      predictor: z.string().describe('The predictor that writes it.'),
      call: z
        .int()
        .min(2)
        .optional()
        .describe('From the second call of the predictor in one run on: 2, 3, …'),
      chunk: z
        .string()
        .describe("The text, just as the model wrote it. A field's chunks joined are its value."),
      is_last: z
        .boolean()
        .describe('True on exactly one frame of a field: its last. Its chunk may be empty.'),
    })
    .describe('A piece of a field, as the model writes it.'),
)

export const valueFrame = of<ValueFrame>()(
  z
    .object({
      type: z.literal('value'),
      predictor: z.string(),
      field: z.string(),
      call: z.int().min(2).optional(),
      path: z
        .string()
        .describe(
          "A JSON pointer into the field: `/0` is a list's first item, the empty text the whole field.",
        ),
      value: z.unknown(),
    })
    .describe(
      "A value that is closed and has been checked: an item of a list, or a whole field that isn't a text. Only if included.",
    ),
)

export const usageFrame = of<UsageFrame>()(
  z
    .object({
      type: z.literal('usage'),
      predictor: z.string(),
      call: z.int().min(2).optional(),
      model: z.string(),
      input_tokens: z.int().min(0),
      output_tokens: z.int().min(0),
      first_token_ms: z.int().min(0).describe('From the start of the call to its first text or reasoning.'),
      duration_ms: z.int().min(0),
    })
    .describe('What a call took. Only if included, and only if the endpoint reports it.'),
)

export const resetFrame = of<ResetFrame>()(
  z
    .object({
      type: z.literal('reset'),
      keep: z
        .array(z.object({ predictor: z.string(), call: z.int().min(1) }))
        .describe('The calls whose text stays, by predictor and number from 1.'),
      message: z.string().optional().describe('Why a call is asked again, in a sentence for people.'),
    })
    .describe(
      "What was said of every call that `keep` doesn't name is void and begins anew: its tokens, values and usage. " +
        'With a message, a call is asked again: in programs that allow further attempts, and where another process goes ' +
        'on with a resumable run. Without one, a resumable run is told anew: statuses come again too, and of a prediction or an error nothing holds.',
    ),
)

export const predictionFrame = of<PredictionFrame>()(
  z
    .object({
      type: z.literal('prediction'),
      data: z
        .record(z.string(), z.unknown())
        .describe('Every output of the program, typed, in the order of its signature.'),
      truncated: z
        .array(z.string())
        .optional()
        .describe('The predictors whose model stopped at its token limit, if any did.'),
      degraded: z
        .array(z.string())
        .optional()
        .describe('The modules, predictors and tools that the run went on without, if it did.'),
    })
    .describe('The run succeeded, and this is its result. `[DONE]` follows.'),
)

export const errorFrame = of<ErrorFrame>()(
  z
    .object({
      type: z.literal('error'),
      code: z.enum(wireCodes).describe('What went wrong, for programs.'),
      message: z.string().describe('What went wrong and what to change, for people.'),
      retryable: z.boolean().describe('Whether the same question may succeed later.'),
      request_id: z.string(),
      predictor: z.string().optional().describe('The predictor whose call failed, if one failed.'),
      retry_after: z.number().optional().describe('Seconds to wait, if the endpoint said so.'),
    })
    .describe('The run failed. `[DONE]` follows.'),
)

export const frame = of<Frame>()(
  z.discriminatedUnion('type', [
    statusFrame,
    tokenFrame,
    valueFrame,
    usageFrame,
    resetFrame,
    predictionFrame,
    errorFrame,
  ]),
)

export const programDescription = of<ProgramDescription>()(
  z.object({
    name: z.string(),
    description: z.string().optional().describe('What it does, in a sentence, where it says so.'),
    inputs: z.record(z.string(), z.unknown()).describe('What it is asked: a JSON Schema of an object.'),
    input_types: z
      .record(z.string(), z.string())
      .describe('The type of each input, such as `str` or `Optional[int]`.'),
    outputs: z
      .record(z.string(), z.unknown())
      .describe('What its prediction holds: a JSON Schema of an object.'),
    answer: z
      .object({ predictor: z.string(), field: z.string() })
      .optional()
      .describe('The field in which its answer streams, if it has one.'),
    predictors: z
      .array(
        z.object({
          predictor: z.string().describe('As token frames name it.'),
          kind: z.literal('tool').optional().describe('Of what is no predictor.'),
          description: z.string().optional().describe('What a tool does, where it says so.'),
          module: z.string().describe('The module that it belongs to, as status frames name it.'),
          fields: z.array(z.string()).describe('The fields that it streams, in order, without `reasoning`.'),
          types: z
            .record(z.string(), z.string())
            .describe('The type of each: a `str` streams as its text, others as JSON text.'),
          reasons: z
            .boolean()
            .describe('Whether it writes `reasoning` first, which streams only where it is included.'),
          waits_for: z.array(z.string()).describe('The predictors that put out its input fields.'),
          status: z
            .object({
              start: z.string().optional(),
              end: z.string().optional(),
              fail: z.string().optional(),
            })
            .optional()
            .describe('What its module says when it starts, ends and fails, as far as that is known before.'),
          saved_model: z
            .string()
            .optional()
            .describe(
              'The model with which DSPy optimised it, where that was saved. Another one may answer.',
            ),
        }),
      )
      .describe('In the order in which the program declares them.'),
    prices: z
      .record(z.string(), z.object({ input: z.number(), output: z.number() }))
      .optional()
      .describe('What models cost, by name, where the service was told: dollars for a million tokens.'),
  }),
)
