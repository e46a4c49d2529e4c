// Questions that lie over the page, in the browser's own dialog: it keeps the focus, and Escape closes it.
import { html, nothing, type TemplateResult } from 'lit'
import { keyed } from 'lit/directives/keyed.js'
import type { MergeMode } from '../../src/client/joining.ts'
import type { App, Dialog } from './app.ts'
import { dateOf } from './subscriptions-page.ts'

const NAMES = ['robin', 'kim', 'sam'] as const

/** The dialog that is open, if one is. */
export function dialogOf(app: App): unknown {
  const { dialog } = app
  if (!dialog) return nothing
  const close = () => {
    app.dialog = null
    app.draw()
  }
  const closed = () => app.dialog === dialog && close()
  return keyed(
    dialog,
    html`<dialog class="dialog" aria-labelledby="dialog-title" data-kind=${dialog.kind} @close=${closed}>${content(app, dialog, close)}</dialog>`,
  )
}

function content(app: App, dialog: Dialog, close: () => void): TemplateResult {
  const { words } = app
  switch (dialog.kind) {
    case 'sign-in':
      return signIn(app, dialog.isAsked, close)
    case 'merge':
      return merge(app, dialog, close)
    case 'report':
      return report(
        app,
        words.reportTitle,
        [
          ...(dialog.report?.lines ?? []).map((line) => ({ ...line, name: nameOf(app, line.lineId) })),
          ...(dialog.report?.codes ?? []).map(({ code, outcome }) => ({ name: code, outcome })),
        ],
        close,
      )
    case 'reordered':
      return report(app, words.reorderTitle, dialog.report, close)
    case 'clear':
      return question(words.clearSure, words.clearHint, words.clear, words.cancel, close, () => {
        close()
        return app.run('clear', () => app.cart.clear())
      })
    case 'cancel':
      return question(words.cancelSure, '', words.cancelOrder, words.close, close, () => app.cancelOrder(dialog.order))
    case 'unsubscribe':
      return question(
        words.unsubscribeSure,
        words.unsubscribeHint(dateOf(app, dialog.subscription.currentPeriodEnd)),
        words.unsubscribe,
        words.close,
        close,
        () => app.unsubscribe(dialog.subscription.id),
      )
    case 'replace':
      return question(words.replaceSure, words.replaceHint(app.view.cart?.itemCount ?? 0), words.restore, words.keepCart, close, () =>
        app.restore(dialog.token, true),
      )
    case 'mismatch':
      return question(
        words.mismatchTitle,
        dialog.items.length > 0 ? words.mismatch(dialog.cart, dialog.wanted) : words.mismatchSwitch(dialog.wanted),
        words.mismatchClear(dialog.wanted),
        words.keepCart,
        close,
        () => app.clearFor(dialog.wanted, dialog.items),
      )
    case 'share':
      return share(app, dialog.url, close)
  }
}

function question(title: string, says: string, yes: string, no: string, close: () => void, work: () => Promise<unknown>): TemplateResult {
  return html`<h2 id="dialog-title">${title}</h2>
    ${says ? html`<p>${says}</p>` : nothing}
    <div class="actions"><button class="main" name="confirm" @click=${work}>${yes}</button><button class="quiet" @click=${close}>${no}</button></div>`
}

function signIn(app: App, isAsked: boolean, close: () => void): TemplateResult {
  const { words } = app
  const send = (event: SubmitEvent) => {
    event.preventDefault()
    const name = String(new FormData(event.currentTarget as HTMLFormElement).get('name') ?? '')
    if (/[a-z0-9]/i.test(name)) void app.signIn(name)
  }
  return html`<h2 id="dialog-title">${words.signInTitle}</h2>
    <p>${isAsked ? html`<strong>${words.needsSignIn}</strong> ` : nothing}${words.signInHint}</p>
    <div class="chips">${NAMES.map((name) => html`<button class="chip" ?disabled=${app.busy.has('sign in')} @click=${() => app.signIn(name)}>${name}</button>`)}</div>
    <form class="code" @submit=${send}>
      <label class="field"><span>${words.name}</span><input name="name" autocomplete="username" required maxlength="40" pattern=".*[A-Za-z0-9].*" /></label>
      <button ?disabled=${app.busy.has('sign in')}>${words.signIn}</button>
    </form>
    <div class="actions"><button class="quiet" @click=${close}>${words.cancel}</button></div>`
}

function merge(app: App, { account, count }: Extract<Dialog, { kind: 'merge' }>, close: () => void): TemplateResult {
  const { words } = app
  const send = (event: SubmitEvent) => {
    event.preventDefault()
    const mode = String(new FormData(event.currentTarget as HTMLFormElement).get('mode')) as MergeMode
    void app.signInWith(account, mode)
  }
  return html`<h2 id="dialog-title">${words.mergeTitle}</h2>
    <p>${words.mergeHint(count)}</p>
    <form @submit=${send}>
      <fieldset class="plans">
        <legend class="unseen">${words.mergeTitle}</legend>
        ${(['merge', 'keepAccount', 'keepGuest'] as const).map(
          (mode) => html`<label class="plan">
            <input type="radio" name="mode" value=${mode} ?checked=${mode === 'merge'} />
            <span><strong>${words.mergeModes[mode][0]}</strong><span>${words.mergeModes[mode][1]}</span></span>
          </label>`,
        )}
      </fieldset>
      <div class="actions">
        <button class="main" name="confirm" ?disabled=${app.busy.has('sign in')}>${words.goOn}</button>
        <button type="button" class="quiet" @click=${close}>${words.cancel}</button>
      </div>
    </form>`
}

interface Outcome {
  /** What a line or a code is called. */
  readonly name: string
  readonly outcome: string
  /** Quantities; a code has none. */
  readonly asked?: number
  readonly got?: number
}

function report(app: App, title: string, lines: readonly Outcome[], close: () => void): TemplateResult {
  const { words } = app
  return html`<h2 id="dialog-title">${title}</h2>
    ${lines.length === 0 ? html`<p>${words.nothingBrought}</p>` : nothing}
    <ul class="report">
      ${lines.map(
        ({ name, outcome, asked, got }) =>
          html`<li data-outcome=${outcome}><strong>${name}</strong> <span>${words.outcomes[outcome] ?? outcome}</span> ${asked === undefined || got === undefined ? nothing : html`<small>${words.pieces(asked, got)}</small>`}</li>`,
      )}
    </ul>
    <div class="actions">
      <button
        class="main"
        name="confirm"
        @click=${() => {
          close()
          app.go(app.path('/cart'))
        }}
      >${words.goOn}</button>
    </div>`
}

/** The name of a line that the guest's cart had. */
function nameOf(app: App, lineId: string): string {
  return app.guestLines.get(lineId) ?? app.view.cart?.lines.find(({ id }) => id === lineId)?.name ?? ''
}

function share(app: App, url: string, close: () => void): TemplateResult {
  const { words } = app
  return html`<h2 id="dialog-title">${words.share}</h2>
    <p>${words.shareHint}</p>
    <label class="field"><span class="unseen">${words.share}</span><input name="link" readonly .value=${url} @focus=${(event: Event) => (event.target as HTMLInputElement).select()} /></label>
    <div class="actions">
      <button class="main" @click=${() =>
        app.run('copy', async () => {
          await navigator.clipboard.writeText(url)
          app.tell(words.copied)
        })}>${words.copy}</button>
      <button class="quiet" @click=${close}>${words.close}</button>
    </div>`
}
