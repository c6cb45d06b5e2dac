/** The notice of what goes wrong with no run that is shown. It stands above the runs. */
import { byId } from './dom.ts'
import { type Notice, noticeElement } from './notice.ts'

/** What its buttons do. */
export type NoticeActions = { readonly askAgain?: () => void; readonly tryAgain?: () => void }

export class PageNotice {
  readonly #place = byId('notice')

  show(notice: Notice, { askAgain = () => {}, tryAgain }: NoticeActions = {}): void {
    this.#place.replaceChildren(noticeElement(notice, askAgain, tryAgain))
  }

  clear(): void {
    this.#place.replaceChildren()
  }
}
