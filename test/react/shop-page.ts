// A page of a shop that is made with React and the hooks of `cartwright/react`: a badge, the lines, and ordering. The tests bundle it, serve it from
// an origin of its own, and click.
import { createElement, type ReactNode, StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { createCart } from '../../src/client/entry.ts'
import { useCart, useCheckout, useLine } from '../../src/client/react.ts'

const page = globalThis as unknown as { readonly api: string; readonly root: Parameters<typeof createRoot>[0] }
const store = createCart({ shop: 'demo', baseUrl: page.api })

const READY = {
  email: 'robin@example.com',
  shippingAddress: { name: 'Robin', line1: '1 Main St', city: 'New York', region: 'NY', postalCode: '10001', country: 'US' },
  shippingMethod: 'standard',
} as const

function button(label: string, act: () => Promise<unknown>): ReactNode {
  return createElement('button', { type: 'button', onClick: () => void act() }, label)
}

function Badge(): ReactNode {
  const { cart } = useCart(store)
  return createElement('output', { id: 'badge' }, String(cart?.itemCount ?? 0))
}

function Line({ id }: { readonly id: string }): ReactNode {
  const { line, setQuantity, remove } = useLine(store, id)
  if (!line) return null
  return createElement(
    'li',
    null,
    `${line.sku} × ${line.quantity} `,
    button('More', () => setQuantity(line.quantity + 1)),
    button('Far too many', () => setQuantity(1_000_000)),
    button('Remove', remove),
  )
}

function Lines(): ReactNode {
  const { cart, refused, isEstimated } = useCart(store)
  return createElement(
    'ul',
    null,
    createElement('p', { id: 'total' }, `${isEstimated ? 'about' : 'exactly'} ${cart?.total.amount ?? 0}`),
    createElement('p', { id: 'refused' }, refused.map(({ error }) => error.code).join(' ')),
    cart?.lines.map(({ id }) => createElement(Line, { key: id, id })),
  )
}

/** Holds on to the first line that it saw, by the name that it had then. */
function Kept(): ReactNode {
  const { cart, pending } = useCart(store)
  const [first, setFirst] = useState('')
  const { line } = useLine(store, first)
  const shown = cart?.lines[0]?.id
  if (first === '' && shown !== undefined) setFirst(shown)
  return createElement('p', { id: 'kept' }, `${first.startsWith('new_') ? 'early' : 'late'} ${line?.quantity ?? 'none'} ${pending}`)
}

function Checkout(): ReactNode {
  const { status, error, placed, order } = useCheckout(store)
  const what = error?.code ?? placed?.order.state ?? ''
  return createElement(
    'section',
    null,
    createElement('p', { id: 'checkout' }, `${status} ${what}`),
    // As an impatient shopper does it.
    button('Order', () => Promise.all([order(), order()])),
  )
}

createRoot(page.root).render(
  createElement(
    StrictMode,
    null,
    createElement(Badge),
    createElement(Lines),
    createElement(Kept),
    createElement(Checkout),
    button('Look', () => store.client.call('GET /v1/shops/{shop}/products', {})),
    button('Add', () => store.add({ sku: 'MUG-STONE' })),
    button('Fill in', () => store.change(READY)),
  ),
)
