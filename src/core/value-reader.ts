/**
 * The chunks of typed fields -> values, as soon as each is closed and fits its type: every item of a list, any other
 * field as a whole. What doesn't fit is passed over: the call fails of it when the completion is over.
 */
import { Faults } from './fault.ts'
import type { FieldType } from './field-type.ts'
import { ListItems } from './list-items.ts'
import type { Field } from './signature.ts'
import { readJson } from './typed-value.ts'

/** @property path a JSON pointer into the field; '' is all of it */
export type PartValue = { readonly path: string; readonly value: unknown }

const NONE: readonly PartValue[] = []

export class ValueReader {
  readonly #fields = new Map<string, Reader>()

  /** @param outputs the fields of the completion */
  constructor(outputs: readonly Field[]) {
    for (const { name, type } of outputs) {
      if (type.kind === 'str') continue
      this.#fields.set(name, type.kind === 'list' && type.item ? listReader(type.item) : wholeReader(type))
    }
  }

  /** Takes the next chunk of a field. */
  push(field: string, chunk: string, isLast: boolean): readonly PartValue[] {
    return this.#fields.get(field)?.(chunk, isLast) ?? NONE
  }
}

type Reader = (chunk: string, isLast: boolean) => readonly PartValue[]

function listReader(item: FieldType): Reader {
  const items = new ListItems()
  let count = 0
  return (chunk) => items.push(chunk).flatMap((text) => valueAt(`/${count++}`, item, text))
}

function wholeReader(type: FieldType): Reader {
  const pieces: string[] = []
  return (chunk, isLast) => {
    pieces.push(chunk)
    return isLast ? valueAt('', type, pieces.join('')) : NONE
  }
}

function valueAt(path: string, type: FieldType, text: string): readonly PartValue[] {
  const faults = new Faults()
  const value = readJson(type, text, path, faults)
  return faults.count > 0 ? NONE : [{ path, value }]
}
