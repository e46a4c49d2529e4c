// The grid of products, and a product's page with what it asks for: variant and quantity, an amount, or a plan.
import { html, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { minorUnits, moneyText } from '../elements/amounts.ts'
import type { App, Product } from './app.ts'
import { failed, link } from './frame.ts'
import { isPurchasable, priceOf, stepsOf, stockOf } from './goods.ts'

type Variant = Product['variants'][number]

/** All products. */
export function productsPage(app: App): TemplateResult {
  const { catalogue, words, choices } = app
  if (catalogue.state === 'failed') return failed(app, catalogue.says, () => app.loadCatalogue())
  const products = catalogue.state === 'ready' ? catalogue.value : []
  const kinds = [...new Set(products.map(({ productType }) => productType))].filter((kind) => kind !== '' && kind !== undefined)
  const shown = choices.kind ? products.filter(({ productType }) => productType === choices.kind) : products
  const choose = (kind: string | undefined) => () => {
    if (kind === undefined) delete choices.kind
    else choices.kind = kind
    app.draw()
  }
  return html`
    <section class="hero"><h1>${words.heroTitle}</h1></section>
    <div class="chips" role="group" aria-label=${words.products}>
      ${[undefined, ...kinds].map(
        (kind) => html`<button class="chip" aria-pressed=${choices.kind === kind} @click=${choose(kind)}>${kind ?? words.all}</button>`,
      )}
    </div>
    ${
      catalogue.state === 'loading'
        ? html`<div class="grid" role="status" aria-busy="true" aria-label=${words.loading}>
            ${Array.from({ length: 8 }, () => html`<div class="card is-loading"><div class="picture"></div><p></p><p></p></div>`)}
          </div>`
        : html`<ul class="grid">
            ${repeat(
              shown,
              ({ id }) => id,
              (product) => card(app, product),
            )}
          </ul>`
    }
  `
}

function card(app: App, product: Product): TemplateResult {
  const [image] = product.images
  return html`<li class="card" data-handle=${product.handle}>
    ${link(
      app,
      app.path(`/products/${product.handle}`),
      html`<span class="picture"><img src=${image?.src ?? ''} alt="" width="800" height="800" loading="lazy" /></span>
        <span class="card-name">${product.name}</span>`,
    )}
    <p class="card-price">${priceTag(app, product)}</p>
    ${cardAction(app, product)}
  </li>`
}

/** What a card says about the price: the one there is, the lowest of several, or the smallest amount. */
function priceTag(app: App, product: Product): TemplateResult {
  const { words, language, currency } = app
  const smallest = (amounts: readonly number[], of: string) =>
    html`${words.from} ${moneyText({ amount: Math.min(...amounts), currency: of }, language)}`
  if (product.recharge)
    return smallest([...product.recharge.presets, ...(product.recharge.min ? [product.recharge.min] : [])], product.recharge.currency)
  const plans = product.plans ?? []
  if (plans[0])
    return smallest(
      plans.map(({ price }) => price.amount),
      plans[0].price.currency,
    )
  const prices = product.variants.flatMap((variant) => priceOf(variant, currency) ?? [])
  const [first] = prices.toSorted((a, b) => a.amount - b.amount)
  if (!first) return html`–`
  const isRange = prices.some(({ amount }) => amount !== first.amount)
  return html`${isRange ? `${words.from} ` : ''}${moneyText(first, language)}
  ${first.listAmount ? html`<s><span class="unseen">${words.was}</span> ${moneyText({ ...first, amount: first.listAmount }, language)}</s>` : nothing}`
}

/** Every card offers to add: at once where nothing is to be chosen, else its first variant; amounts and plans are chosen on the product's page. */
function cardAction(app: App, product: Product): TemplateResult {
  const { words } = app
  const path = app.path(`/products/${product.handle}`)
  if (product.kind === 'recharge' && isPurchasable(product)) return link(app, path, words.chooseAmount, 'button')
  if (product.kind === 'subscription' && isPurchasable(product)) return link(app, path, words.choosePlan, 'button')
  const variant = product.variants.find((each) => stepsOf(each).min <= stepsOf(each).max && each.prices.length > 0)
  return addButton(app, product, variant, variant ? stepsOf(variant).min : 0, null)
}

/** The button rests where nothing can be bought. Of goods each click counts, so it never waits for an answer; an amount of money is added once. */
function addButton(app: App, product: Product, variant: Variant | undefined, quantity: number, amount: number | null): TemplateResult {
  const { words } = app
  const isAdding = variant !== undefined && app.busy.has(`add ${variant.sku}`)
  const price = variant ? priceOf(variant, app.currency) : null
  const add = () => {
    if (!variant) return
    const item = {
      sku: variant.sku,
      quantity,
      ...(amount === null ? {} : { amount }),
      ...(app.shop.wantsPrice ? { expectedUnitPrice: amount ?? price?.amount ?? 0 } : {}),
    }
    const currency = product.recharge?.currency ?? price?.currency ?? app.currency
    void (product.kind === 'recharge' ? app.addOnce(product.name, item, currency) : app.add(product.name, item, currency))
  }
  const isResting = !variant || quantity < 1 || amount === 0 || isAdding
  const label = isAdding ? words.adding : !variant && product.kind !== 'recharge' ? words.soldOut : words.add
  return html`<button class="add" ?disabled=${isResting} aria-busy=${isAdding} @click=${add}>${label}<span class="unseen"> ${product.name}</span></button>`
}

/** One product. */
export function productPage(app: App, handle: string): TemplateResult {
  const { catalogue, words } = app
  if (catalogue.state === 'failed') return failed(app, catalogue.says, () => app.loadCatalogue())
  if (catalogue.state === 'loading')
    return html`<div class="product is-loading" aria-busy="true"><div class="picture"></div><div><p></p><p></p><p></p></div></div>`
  const product = catalogue.value.find((each) => each.handle === handle)
  if (!product) return html`<div class="empty"><h1>${words.notFound}</h1>${link(app, app.path(), words.back, 'button')}</div>`
  const [image] = product.images
  return html`
    <article class="product">
      <div class="picture"><img src=${image?.src ?? ''} alt=${image?.alt ?? ''} width="800" height="800" /></div>
      <div class="product-text">
        <p class="trail">${link(app, app.path(), words.products)}<span aria-hidden="true"> / </span>${product.productType}</p>
        <h1>${product.name}</h1>
        ${product.kind === 'recharge' ? rechargeForm(app, product) : product.kind === 'subscription' ? planForm(app, product) : goodsForm(app, product)}
        <div class="description">${(product.description ?? '').split('\n\n').map((paragraph) => html`<p>${paragraph}</p>`)}</div>
      </div>
    </article>
  `
}

function goodsForm(app: App, product: Product): TemplateResult {
  const { words, language, choices } = app
  const variant =
    product.variants.find(({ sku }) => sku === choices.sku) ?? product.variants.find((each) => stockOf(each) !== 0) ?? product.variants[0]
  if (!variant) return html`<p>${words.unpurchasable}</p>`
  const { min, step, max } = stepsOf(variant)
  const quantity = Math.max(min, Math.min(choices.quantity ?? min, max - (max % step)))
  const price = priceOf(variant, app.currency)
  const isSoldOut = min > max || !price
  const stock = stockOf(variant)
  const count = (to: number) => () => {
    choices.quantity = to
    app.draw()
  }
  return html`
    <p class="price">
      ${price ? moneyText(price, language) : '–'}
      ${price?.listAmount ? html`<s><span class="unseen">${words.was}</span> ${moneyText({ ...price, amount: price.listAmount }, language)}</s>` : nothing}
    </p>
    ${product.variants.length > 1 ? variantChoice(app, product, variant) : nothing}
    ${stock !== null && stock > 0 && stock < 10 ? html`<p class="hint is-warm">${words.left(stock)}</p>` : nothing}
    ${step > 1 ? html`<p class="hint">${words.inSteps(step)}</p>` : nothing}
    <div class="buy-row">
      ${
        isSoldOut
          ? nothing
          : html`<div class="stepper" role="group" aria-label=${words.quantity}>
              <button aria-label=${words.less} ?disabled=${quantity - step < min} @click=${count(quantity - step)}>−</button>
              <output aria-live="polite">${quantity}</output>
              <button aria-label=${words.more} ?disabled=${quantity + step > max} @click=${count(quantity + step)}>+</button>
            </div>`
      }
      ${addButton(app, product, isSoldOut ? undefined : variant, quantity, null)}
    </div>
  `
}

function variantChoice(app: App, product: Product, chosen: Variant): TemplateResult {
  const names = Object.keys(product.variants[0]?.options ?? {})
  return html`<fieldset class="options">
    <legend>${names.join(' / ')}: <strong>${chosen.name}</strong></legend>
    ${product.variants.map(
      (variant) => html`<label class="option" ?data-gone=${stockOf(variant) === 0}>
        <input
          type="radio"
          name="variant"
          value=${variant.sku}
          .checked=${variant === chosen}
          @change=${() => {
            app.choices.sku = variant.sku
            delete app.choices.quantity
            app.draw()
          }}
        />
        <span>${variant.name}</span>
      </label>`,
    )}
  </fieldset>`
}

function rechargeForm(app: App, product: Product): TemplateResult {
  const { words, language, choices } = app
  const { recharge } = product
  const [variant] = product.variants
  if (!recharge || !variant || !isPurchasable(product))
    return html`<p class="hint">${words.unpurchasable}</p>${addButton(app, product, undefined, 0, 0)}`
  const { currency } = recharge
  const money = (amount: number) => moneyText({ amount, currency }, language)
  const own = choices.ownAmount === undefined ? null : (minorUnits(choices.ownAmount, currency) ?? 0)
  const isOwnFine = own !== null && own >= (recharge.min ?? 1) && own <= (recharge.max ?? Number.MAX_SAFE_INTEGER)
  const amount = own === null ? (choices.amount ?? 0) : isOwnFine ? own : 0
  return html`
    <p class="price">${amount > 0 ? money(amount) : priceTag(app, product)}</p>
    <fieldset class="options">
      <legend>${words.amount}</legend>
      ${recharge.presets.map(
        (preset) => html`<label class="option">
          <input
            type="radio"
            name="amount"
            value=${preset}
            .checked=${own === null && choices.amount === preset}
            @change=${() => {
              choices.amount = preset
              delete choices.ownAmount
              app.draw()
            }}
          />
          <span>${money(preset)}</span>
        </label>`,
      )}
    </fieldset>
    ${
      recharge.allowCustom
        ? html`<label class="field own-amount">
            <span>${words.ownAmount}</span>
            <input
              inputmode="decimal"
              name="ownAmount"
              autocomplete="off"
              maxlength="12"
              aria-describedby="amounts"
              aria-invalid=${own !== null && !isOwnFine}
              .value=${choices.ownAmount ?? ''}
              @input=${(event: Event) => {
                const { value } = event.target as HTMLInputElement
                if (value === '') delete choices.ownAmount
                else choices.ownAmount = value
                app.draw()
              }}
            />
            <small id="amounts" class="hint">${words.amountBetween(money(recharge.min ?? 1), money(recharge.max ?? 99_999_999))}</small>
          </label>`
        : nothing
    }
    <div class="buy-row">${addButton(app, product, variant, 1, amount)}</div>
  `
}

function planForm(app: App, product: Product): TemplateResult {
  const { words, language, choices } = app
  const plans = product.plans ?? []
  const plan = plans.find(({ id }) => id === choices.plan) ?? plans[0]
  const sku = product.variants[0]?.sku
  return html`
    <fieldset class="plans">
      <legend>${words.plan}</legend>
      ${plans.map(
        (each) => html`<label class="plan">
          <input
            type="radio"
            name="plan"
            value=${each.id}
            .checked=${each === plan}
            @change=${() => {
              choices.plan = each.id
              app.draw()
            }}
          />
          <span><strong>${each.name}</strong><span>${moneyText(each.price, language)} ${words.every[each.interval] ?? each.interval}</span></span>
        </label>`,
      )}
    </fieldset>
    <p class="hint">${words.planAlone}</p>
    <div class="buy-row">
      <button class="add" ?disabled=${!plan || !sku || app.busy.has('subscribe')} aria-busy=${app.busy.has('subscribe')} @click=${() => plan && sku && app.subscribe(sku, plan.id)}>
        ${words.subscribe}
      </button>
    </div>
  `
}
