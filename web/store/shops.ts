// The demo's shops: what each of them is in one sentence, and what its preset means for what a page offers.
import type { Language } from './words.ts'

/** A shop of the demo, as the switcher shows it. */
export interface DemoShop {
  readonly id: string
  readonly says: Readonly<Record<Language, string>>
  /** Whether somebody who has not signed in may have a cart. */
  readonly guests: boolean
  /** Whether shoppers set quantities; otherwise adding counts up, and rows are deleted. */
  readonly setsQuantities: boolean
  /** Whether each line has to say at which price it was wanted. */
  readonly wantsPrice: boolean
}

const USUAL = { guests: true, setsQuantities: true, wantsPrice: false } as const

/** The shops, `demo` first. */
export const DEMO_SHOPS: readonly DemoShop[] = [
  {
    ...USUAL,
    id: 'demo',
    says: {
      en: 'The defaults: guests may buy, one code per cart, and a higher price asks you first.',
      de: 'Die Voreinstellungen: Gäste dürfen kaufen, ein Code je Warenkorb, und ein höherer Preis fragt zuerst.',
    },
  },
  {
    ...USUAL,
    id: 'store',
    guests: false,
    setsQuantities: false,
    says: {
      en: 'A members’ store: sign in first, adding again counts up, and what you bought stays in the cart until you delete it.',
      de: 'Ein Laden für Mitglieder: erst anmelden, erneutes Hinzufügen zählt hoch, und Gekauftes bleibt im Warenkorb, bis man es löscht.',
    },
  },
  {
    ...USUAL,
    id: 'fill',
    says: {
      en: 'A strict store: more than there is gets refused, and every code says why it does not apply.',
      de: 'Ein strenger Laden: mehr als da ist wird abgelehnt, und jeder Code sagt, warum er nicht gilt.',
    },
  },
  {
    ...USUAL,
    id: 'reconcile',
    wantsPrice: true,
    says: {
      en: 'A careful store: prices are agreed line by line, up to ten codes, and whatever changed must be acknowledged.',
      de: 'Ein genauer Laden: Preise werden je Zeile vereinbart, bis zu zehn Codes, und jede Änderung will bestätigt sein.',
    },
  },
  {
    ...USUAL,
    id: 'service',
    says: {
      en: 'A store with service: the cheapest shipping counts until you choose, and orders move through agreed steps.',
      de: 'Ein Laden mit Service: der günstigste Versand zählt, bis man wählt, und Bestellungen gehen durch feste Schritte.',
    },
  },
  {
    ...USUAL,
    id: 'classic',
    says: {
      en: 'A classic store: several open carts, your previous cart comes back when you sign in, and orders have short names like ORD-1.',
      de: 'Ein klassischer Laden: mehrere offene Warenkörbe, beim Anmelden kommt der vorige zurück, Bestellungen haben kurze Namen wie ORD-1.',
    },
  },
]

/** The shop of that id, or the first. */
export function demoShop(id: string | undefined): DemoShop {
  const [first] = DEMO_SHOPS
  if (!first) throw new Error('There is no demo shop.')
  return DEMO_SHOPS.find((shop) => shop.id === id) ?? first
}
