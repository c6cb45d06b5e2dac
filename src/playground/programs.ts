/** The service's programs: asked for, asked for again where that failed, and which of them is chosen. */
import { describePrograms, type ProgramDescription } from '../client/index.ts'
import { ProgramPicker } from './program-picker.ts'
import type { Service } from './run.ts'

export type ProgramsOptions = {
  readonly service: () => Service
  /** Called with the chosen program whenever the list has come. */
  readonly onLoad: (program: ProgramDescription) => void
  /** Called when somebody chooses another program, or goes back to one. */
  readonly onChoose: (program: ProgramDescription) => void
}

export class Programs {
  readonly #options: ProgramsOptions
  readonly #picker: ProgramPicker
  #ready: Promise<ProgramDescription> | undefined
  /** The list that was shown last, as JSON. */
  #loaded: string | undefined

  constructor(options: ProgramsOptions) {
    this.#options = options
    this.#picker = new ProgramPicker((program) => {
      this.#ready = Promise.resolve(program)
      options.onChoose(program)
    })
  }

  /** Undefined before the list is known. */
  get chosen(): ProgramDescription | undefined {
    return this.#picker.chosen
  }

  /** The name in the address, if there is no such program. */
  get missing(): string | undefined {
    const { wanted, chosen } = this.#picker
    return wanted === chosen?.name ? undefined : wanted
  }

  find(name: string): ProgramDescription | undefined {
    return this.#picker.find(name)
  }

  /** @throws what `describePrograms` throws */
  load(): Promise<ProgramDescription> {
    this.#ready = describePrograms(this.#options.service()).then((list) => {
      this.#loaded = JSON.stringify(list)
      this.#picker.show(list)
      const program = this.#picker.chosen as ProgramDescription // the default one is in every list
      this.#options.onLoad(program)
      return program
    })
    return this.#ready
  }

  /**
   * The chosen program, as soon as it is known.
   *
   * @throws what `describePrograms` throws
   */
  ready(): Promise<ProgramDescription> {
    return this.#ready?.catch(() => this.load()) ?? this.load()
  }

  /** Whether the service has other programs than it had, as one that was started again may. */
  async haveChanged(): Promise<boolean> {
    const list = await describePrograms(this.#options.service()).catch(() => undefined)
    return list !== undefined && JSON.stringify(list) !== this.#loaded
  }

  /** Turns to the program of a run that is shown. */
  turnTo(program: ProgramDescription): void {
    this.#picker.turnTo(program.name)
    this.#ready = Promise.resolve(program)
  }

  /** What a request calls it: the default program is asked without its name, as by anybody who knows no other. */
  nameToAsk(program: ProgramDescription): string | undefined {
    return this.#picker.isDefault(program) ? undefined : program.name
  }
}
