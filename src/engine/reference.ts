// An order's reference: a Liquid template of the merchant with the numbers of its sequences. Templates are the merchant's, never a customer's, see
// only plain values and no files. Sequences count inside the transaction that places the order, so a number is used once and none is left out.
import { type Context, Liquid } from 'liquidjs'
import type { Order } from '../core/order.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { isReferenceTaken, nextInSequence } from '../store/orders.ts'
import type { Writer } from '../store/store.ts'

/** A reference is at most this long; what makes it the only one of its kind has room behind it. */
const REFERENCE_MAX = 88
/** So many sequences a template may ask for, each with a key of at most so many characters. */
const KEYS_MAX = 5
const KEY_MAX = 100
const DIGITS_MAX = 20

/** What gives the filter `seq` its numbers, by key, and what counts for the plain `seq`. */
type Numbers = (key: string) => number

const liquid = new Liquid({
  cache: 100,
  ownPropertyOnly: true,
  strictFilters: true,
  parseLimit: 2000,
  // Generous: a reference must not depend on how busy the machine is.
  renderLimit: 500,
  memoryLimit: 100_000,
  timezoneOffset: 0,
  locale: 'en-US',
  // No template reads files: `include` and `render` find nothing.
  templates: {},
})

// Each evaluates an expression per element, inside of one another too, and no bound on time is looked at meanwhile. A reference is rendered under locks.
for (const filter of Object.keys(liquid.filters)) if (filter.endsWith('_exp')) delete liquid.filters[filter]

/** Where a render keeps its numbers: no template can name it. */
const NUMBERS = Symbol('numbers')

liquid.registerFilter('seq', function (this: { context: Context }, key: unknown, digits: unknown = 1) {
  const numberOf = (this.context.environments as { [NUMBERS]: Numbers })[NUMBERS]
  if (key === undefined || key === null || key === '') throw new Error('what stands before "seq" is empty')
  const wanted = Number(digits)
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > DIGITS_MAX) throw new Error(`"seq" takes 1 to ${DIGITS_MAX} digits`)
  return String(numberOf(String(key).slice(0, KEY_MAX))).padStart(wanted, '0')
})

/** What a template may use. Times are UTC. */
interface ReferenceValues {
  readonly seq: number
  readonly orderedAt: Date
  /** The same moment under its older name. */
  readonly now: Date
  readonly number: string
  readonly shortNumber: string
  readonly currency: string
  /** Minor units. */
  readonly total: number
  readonly shop: string
}

function render(template: string, values: ReferenceValues, of: Numbers, isStrict: boolean): string {
  const rendered: unknown = liquid.parseAndRenderSync(template, { ...values, [NUMBERS]: of }, { strictVariables: isStrict })
  const text = String(rendered).replace(/\s+/g, ' ').trim()
  if (text === '') throw new Error('the reference is empty')
  return text.slice(0, REFERENCE_MAX)
}

/** Why a template cannot be a shop's, at `path`; null when it can. It is tried with an order that could be. */
export function templateRefusal(template: string, path: string): Refusal | null {
  const at = new Date('2026-02-03T04:05:06.007Z')
  const number = '0123456789abcdef0123456789abcdef'
  const values = { seq: 1, orderedAt: at, now: at, number, shortNumber: number.slice(0, 7), currency: 'EUR', total: 1999, shop: 'shop' }
  const keys = new Set<string>()
  try {
    render(template, values, (key) => keys.add(key) && 1, true)
  } catch (error) {
    const why = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : ''
    return refuse('invalid', {
      path,
      reason: 'not_a_template_of_a_reference',
      why: why.slice(0, 300),
      example: "{{ orderedAt | date: '%Y' | seq: 8 }}",
    })
  }
  return keys.size > KEYS_MAX ? refuse('invalid', { path, reason: 'too_many_sequences', max: KEYS_MAX }) : null
}

/**
 * The reference of an order that is being placed: the last thing that its transaction does under locks. The shop's own sequence is drawn first and
 * locks the others out, so that references of one shop are made one after the other. A template that fails gives the order's number: an order is
 * never lost to a template. A text that another order has already gets `-2`, `-3` and so on.
 */
export async function nextReference(
  writer: Writer,
  template: string,
  order: Pick<Order, 'shopId' | 'currency' | 'total'> & { readonly number: string; readonly orderedAt: number },
): Promise<string> {
  const { shopId, number, currency } = order
  const at = new Date(order.orderedAt)
  const seq = await nextInSequence(writer, shopId, 'order')
  const values = { seq, orderedAt: at, now: at, number, shortNumber: number.slice(0, 7), currency, total: order.total.amount, shop: shopId }
  const text = await renderWith(template, values, (key) => nextInSequence(writer, shopId, `reference:${key}`))
  return freeReference(writer, shopId, text ?? number)
}

/** Renders without touching the database, draws the numbers that were asked for, and renders again with them; null when the template fails. */
async function renderWith(template: string, values: ReferenceValues, draw: (key: string) => Promise<number>): Promise<string | null> {
  const drawn = new Map<string, number>()
  for (;;) {
    const wanted = new Set<string>()
    let text: string
    try {
      text = render(template, values, (key) => drawn.get(key) ?? (wanted.add(key) && 1), false)
    } catch {
      return null
    }
    if (wanted.size === 0) return text
    if (drawn.size + wanted.size > KEYS_MAX) return null
    for (const key of wanted) drawn.set(key, await draw(key))
  }
}

async function freeReference(writer: Writer, shopId: string, text: string): Promise<string> {
  let reference = text
  while (await isReferenceTaken(writer, shopId, reference)) {
    // Counted, so that the thousandth order of a day does not try all before it.
    reference = `${text}-${(await nextInSequence(writer, shopId, `repeated:${text}`)) + 1}`
  }
  return reference
}
