// What an HTML form means: how its text is read, and which commands on the cart its fields are, in which order. Refusals name the field.
import { parse } from 'qs'
import type Type from 'typebox'
import type { CartForm } from '../contract/forms.ts'
import {
  addLines,
  applyCode,
  type Cart,
  clearLines,
  type Decision,
  type LineRequest,
  normaliseCode,
  type Options,
  removeCode,
  removeLine,
  setLine,
} from '../core/cart.ts'
import { changeCart } from '../core/details.ts'
import type { Facts } from '../core/facts.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import type { Settings } from '../core/settings.ts'
import type { CartCommand } from '../engine/carts.ts'
import type { Engine } from '../engine/engine.ts'
import { codeCheck } from './carts.ts'

/** 200 products with id, quantity, note and two options each, and what else a page sends. */
const FIELDS_MAX = 1200
/** `purchasables[k][options][name]`. */
const DEPTH_MAX = 3

/**
 * The fields of a form; names in brackets are nested. Of a name that comes twice the last one counts, as with a hidden 0 before a box. `invalid`
 * when there are too many or they are too deep.
 */
export function readFields(text: string): Readonly<Record<string, unknown>> | Refusal {
  try {
    const limits = { depth: DEPTH_MAX, strictDepth: true, parameterLimit: FIELDS_MAX, throwOnLimitExceeded: true }
    return { ...parse(text, { ...limits, parseArrays: false, plainObjects: true, duplicates: 'last' }) }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return refuse('invalid', { path: '/', reason: `must have at most ${FIELDS_MAX} fields, nested ${DEPTH_MAX} deep` })
  }
}

/** `/purchasables/2/qty` as the form calls it: `purchasables[2][qty]`. */
export function fieldName(path: string): string {
  const [first = '', ...rest] = path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  return `${first}${rest.map((part) => `[${part}]`).join('')}`
}

/** One command of a form. `at` is the path of its fields. */
interface Step {
  readonly run: (cart: Cart, facts: Facts) => Decision | Refusal
  readonly at: (path: string) => string
}

type Fields = Type.Static<typeof CartForm>

/** The one command that a form is: all of its parts or nothing. `invalid` when it asks for nothing. */
export function commandOf(
  form: Fields,
  random: Engine['random'],
  settings: Settings,
): Pick<CartCommand, 'name' | 'creates' | 'skus' | 'codes' | 'decide' | 'check'> | Refusal {
  const adds = additionsOf(form, random)
  const code = form.couponCode?.trim() ? form.couponCode : null
  const isNote = form.note !== undefined && form.purchasableId === undefined && form.sku === undefined
  const details = {
    ...(isNote ? { note: form.note === '' ? null : form.note } : {}),
    ...(form.email === undefined ? {} : { email: form.email === '' ? null : form.email }),
  }
  const steps: Step[] = [
    ...(isYes(form.clearLineItems) ? [{ run: clearLines, at: () => '/clearLineItems' }] : linesOf(form)),
    ...adds.map(({ line, at }) => ({ run: addOne(line), at: (path: string) => renamed(at, path) })),
  ]
  // A code that stands on the cart already is no new wish: it is not looked at again.
  let isNew = false
  if (form.couponCode !== undefined) {
    const run: Step['run'] = (cart, facts) => {
      isNew = code !== null && !cart.codes.includes(normaliseCode(code, settings))
      return code === null ? withoutCodes(cart, facts) : withCode(cart, code, facts)
    }
    steps.push({ run, at: () => '/couponCode' })
  }
  if (Object.keys(details).length > 0) steps.push({ run: (cart, facts) => changeCart(cart, details, facts), at: (path) => path })
  if (steps.length === 0) return refuse('invalid', { path: '/purchasables', reason: 'names no product' })
  const check = code === null ? null : codeCheck([code])
  return {
    name: 'commands',
    creates: adds.length > 0 || code !== null || Object.values(details).some((value) => value !== null),
    skus: adds.flatMap(({ line }) => line.sku ?? []),
    codes: code === null ? [] : [normaliseCode(code, settings)],
    decide: (cart, facts) => inSequence(cart, steps, facts),
    ...(check
      ? {
          check: (priced, facts) => {
            const refused = isNew ? check(priced, facts) : null
            return refused && { ...refused, path: '/couponCode' }
          },
        }
      : {}),
  }
}

function inSequence(cart: Cart, steps: readonly Step[], facts: Facts): Decision | Refusal {
  let current = cart
  for (const { run, at } of steps) {
    const decided = run(current, facts)
    if (isRefusal(decided)) return { ...decided, path: at(decided.path ?? '') }
    current = decided.cart
  }
  return { cart: current }
}

/** What the form adds. A product that was not ticked, or is wanted 0 times, was not chosen. */
function additionsOf(form: Fields, random: Engine['random']): { line: LineRequest; at: string }[] {
  const request = (sku: string, { qty = '1', note, options }: Pick<Fields, 'qty' | 'note' | 'options'>): LineRequest => ({
    id: random.id('ln'),
    sku,
    quantity: Number(qty),
    ...(note ? { note } : {}),
    ...(options ? { options: chosen(options) } : {}),
  })
  const single = form.purchasableId ?? form.sku
  const several = Object.entries(form.purchasables ?? {}).flatMap(([key, entry]) => {
    const sku = entry.id || entry.sku
    if (!sku || Number(entry.qty ?? '1') === 0) return []
    return [{ line: request(sku, entry), at: `/purchasables/${key.replaceAll('~', '~0').replaceAll('/', '~1')}` }]
  })
  return [...several, ...(single === undefined ? [] : [{ line: request(single, form), at: '' }])]
}

function addOne(line: LineRequest): Step['run'] {
  return (cart, facts) => addLines(cart, { lines: [line], atomic: true }, facts)
}

/** Where a refused line stands in the form. */
function renamed(at: string, path: string): string {
  const field = path.replace(/^\/lines\/0/, '')
  if (field === '/quantity') return `${at}/qty`
  if (field === '' || field === '/sku') return at === '' ? '/purchasableId' : `${at}/id`
  return `${at}${field}`
}

/** Lines that are set or removed. Removing what is gone already is done: the button was pressed twice, or on another page. */
function linesOf(form: Fields): Step[] {
  return Object.entries(form.lineItems ?? {}).map(([lineId, { qty, remove, note, options }]) => {
    const quantity = isYes(remove) ? 0 : qty === undefined ? undefined : Number(qty)
    const run: Step['run'] = (cart, facts) => {
      if (quantity === 0) return cart.lines.some((line) => line.id === lineId) ? removeLine(cart, { lineId }) : { cart }
      const changes = {
        ...(quantity === undefined ? {} : { quantity }),
        ...(note === undefined ? {} : { note: note === '' ? null : note }),
        ...(options === undefined ? {} : { options: chosen(options) }),
      }
      return setLine(cart, { lineId, ...changes }, facts)
    }
    return { run, at: (path) => `/lineItems/${lineId}${path === '/quantity' || path === '' ? '/qty' : path}` }
  })
}

/** Browsers send empty fields too: an option without text was not chosen. */
function chosen(options: Readonly<Record<string, string>>): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== ''))
}

/** A form has one field for a code: where a cart may have one, the new one takes its place. */
function withCode(cart: Cart, code: string, facts: Facts): Decision | Refusal {
  if (cart.codes.includes(normaliseCode(code, facts.shop.settings))) return { cart }
  return applyCode(facts.shop.settings.promotions.maxCodes === 1 ? { ...cart, codes: [] } : cart, { code }, facts)
}

function withoutCodes(cart: Cart, facts: Facts): Decision | Refusal {
  let current = cart
  for (const code of cart.codes) {
    const removed = removeCode(current, { code }, facts)
    if (isRefusal(removed)) return removed
    current = removed.cart
  }
  return { cart: current }
}

/** Whether a button or box says yes. */
export function isYes(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0'
}
