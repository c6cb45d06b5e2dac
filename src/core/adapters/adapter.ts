/**
 * The contract between a call and the format of its completion. An adapter is a pair: a prompt that asks for the
 * format, and a parser that reads it. To add one, write a folder beside `chat/` and name it in `adapters.ts`.
 */
import type { Fault } from '../fault.ts'
import type { Predictor } from '../predictor.ts'
import type { Field, Signature } from '../signature.ts'
import type { FormName } from './names.ts'

export type Message = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }

/** Values of fields by name: the inputs of a call, or its outputs. What type each has, its signature says. */
export type Values = Readonly<Record<string, unknown>>

/** What has come of a field: characters of a `str`, JSON text of any other type. */
export type FieldChunk = { readonly field: string; chunk: string; isLast: boolean }

/** A piece of a call of a tool: the next characters of its name, and of the JSON of its arguments. One of them has some. */
export type ToolCall = { readonly name: string; readonly args: string }

export type Adapter = {
  readonly name: FormName

  /**
   * The whole prompt of one call: instructions, worked examples, inputs.
   *
   * @throws TypeError where an input is missing or isn't of its type
   */
  prompt(predictor: Predictor, inputs: Values): Message[]

  /** A worked example as the two turns that it would have been. Left out by a form that no predictor with examples has. */
  demoTurns?(signature: Signature, demo: Values): [Message, Message]

  /** @param outputs the fields of the completion, in signature order */
  parser(outputs: readonly Field[]): CompletionParser
}

/**
 * Text in any pieces -> chunks of fields. One parser makes both the stream and the final text, so the two can't
 * differ. It looks at no character twice, and its state belongs to one call.
 */
export interface CompletionParser {
  /** Takes the next piece of the completion's text. */
  push(text: string): readonly FieldChunk[]

  /** Takes native reasoning, which a model sends beside its completion: text of the field `reasoning`. */
  think(text: string): readonly FieldChunk[]

  /** Takes a piece of a call of a tool. Left out by a format in which such a call is no part of the completion. */
  call?(piece: ToolCall): readonly FieldChunk[]

  /**
   * The completion has ended: what was held back leaves, and every field that came closes. If there is a
   * {@link CompletionParser.fault}, nothing does: an open field stays open.
   *
   * @param isCut whether the token limit ended it, not the model
   */
  end(isCut?: boolean): readonly FieldChunk[]

  /** Whether the completion's own end has been read, or can't come any more: what still comes is no part of it. */
  readonly isCompleted: boolean

  /** The text of each field so far, which is its chunks joined, in signature order; fields that never came are absent. */
  readonly texts: Readonly<Record<string, string>>

  /** The output fields that have not come, in signature order. */
  readonly missing: readonly string[]

  /**
   * Why the completion can't be used, whatever its fields are; undefined if it can. A format in which any text is a
   * completion never has one.
   */
  readonly fault?: Fault | undefined
}
