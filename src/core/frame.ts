/**
 * The protocol's frames as one union. Nothing else in the code writes down a frame's shape: the types, the
 * OpenAPI document and the tests' checks all follow from these schemas, and encoding is nothing but JSON.
 */
import { z } from 'zod'
import { wireCodes } from './errors.ts'

export const statusFrame = z
  .object({
    type: z.literal('status'),
    message: z.string().describe('A sentence for people.'),
    module: z.string().describe('The module that it is about.'),
    phase: z
      .enum(['start', 'end', 'waiting'])
      .describe('`waiting`: in a queue, or until a rate limit lets go; the message says which.'),
  })
  .describe('A module starts, ends or waits. The first one leaves before any model has answered.')

export const tokenFrame = z
  .object({
    type: z.literal('token'),
    field: z.string().describe('The output field that the text belongs to.'),
    predictor: z.string().describe('The predictor that writes it.'),
    call: z.int().min(2).optional().describe('From the second call of the predictor in one run on: 2, 3, …'),
    chunk: z
      .string()
      .describe("The text, just as the model wrote it. A field's chunks joined are its value."),
    is_last: z.boolean().describe('True on exactly one frame of a field: its last. Its chunk may be empty.'),
  })
  .describe('A piece of a field, as the model writes it.')

export const usageFrame = z
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
  .describe('What a call took. Only if included, and only where the upstream tells.')

export const predictionFrame = z
  .object({
    type: z.literal('prediction'),
    data: z.record(z.string(), z.string()).describe('Every output field of the last predictor, in order.'),
    truncated: z
      .array(z.string())
      .optional()
      .describe('The predictors whose model stopped at its token limit, if any did.'),
  })
  .describe('The run succeeded, and this is its result. `[DONE]` follows.')

export const errorFrame = z
  .object({
    type: z.literal('error'),
    code: z.enum(wireCodes as [string, ...string[]]).describe('What went wrong, for programs.'),
    message: z.string().describe('What went wrong and what to change, for people.'),
    retryable: z.boolean().describe('Whether the same question may succeed later.'),
    request_id: z.string(),
    predictor: z.string().optional().describe('The predictor whose call failed, where it was one.'),
    retry_after: z.number().optional().describe('Seconds to wait, where the upstream said so.'),
  })
  .describe('The run failed. `[DONE]` follows.')

export const frame = z.discriminatedUnion('type', [
  statusFrame,
  tokenFrame,
  usageFrame,
  predictionFrame,
  errorFrame,
])

export type Frame = z.infer<typeof frame>
export type TokenFrame = z.infer<typeof tokenFrame>
