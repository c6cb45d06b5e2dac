/** An input of the program -> the control for its value. */
import type { ProgramInput } from '../../client/index.ts'
import { exampleOf } from '../example.ts'
import { choiceControl } from './choice.ts'
import type { Control } from './control.ts'
import { flagControl } from './flag.ts'
import { jsonControl } from './json.ts'
import { numberControl } from './number.ts'
import { textControl } from './text.ts'
import { textsControl } from './texts.ts'

export function controlOf(input: ProgramInput): Control {
  const { kind, choices, isRequired } = input
  switch (kind) {
    case 'text':
      return textControl()
    case 'integer':
    case 'number':
      return numberControl(kind === 'integer')
    case 'choice':
      return choiceControl(choices, isRequired)
    case 'flag':
      return isRequired ? flagControl() : choiceControl([true, false], false)
    case 'texts':
      return textsControl(isRequired)
    default:
      return jsonControl(exampleOf(input))
  }
}
