/** What a tool loop has done so far, as DSPy shows it to the model: thought, tool, arguments and observation of each turn. */
import { marker } from './format.ts'

export class Trajectory {
  readonly #sections: string[] = []
  #turns = 0

  /** How many turns there were. */
  get turns(): number {
    return this.#turns
  }

  /** @param parts what there is of the turn, in order: `thought`, `tool_name`, `tool_args`, `observation` */
  add(parts: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(parts)) {
      this.#sections.push(`${marker(`${name}_${this.#turns}`)}\n${indented(text)}`)
    }
    this.#turns++
  }

  toString(): string {
    return this.#sections.join('\n\n')
  }
}

/**
 * What a tool or a model writes mustn't look like a section of its own: its markers stand further in than those of the
 * trajectory, which a prompt may put one space in.
 */
const indented = (text: string) => text.replace(/^(?=\[\[ ## \w+ ## \]\])/gm, '  ')
