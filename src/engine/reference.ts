// An order's reference: a Liquid template of the merchant with the sequence number. Templates are the merchant's, never a customer's, and see
// only plain values.
import { Liquid } from 'liquidjs'

const liquid = new Liquid({ cache: 100, ownPropertyOnly: true, parseLimit: 2000, renderLimit: 50, memoryLimit: 100_000 })

/** Renders a reference, at most 100 characters. A template that fails gives the bare sequence number: an order is never lost to a template. */
export async function renderReference(
  template: string,
  values: { seq: number; number: string; shop: string; now: number },
): Promise<string> {
  try {
    const rendered = (await liquid.parseAndRender(template, { ...values, now: new Date(values.now) })).trim()
    return rendered === '' ? String(values.seq) : rendered.slice(0, 100)
  } catch {
    return String(values.seq)
  }
}
