// A postal address as form fields: labels, what browsers fill in by themselves, and what is wrong at each of them.
import { html, nothing, type TemplateResult } from 'lit'
import { live } from 'lit/directives/live.js'
import type { Address } from '../../src/core/cart.ts'
import type { AddressField, Words } from './words.ts'

/** An address while it is typed; every field is text. */
export type TypedAddress = Readonly<Record<AddressField, string>>

const AUTOCOMPLETE: Readonly<Record<AddressField, string>> = {
  name: 'name',
  company: 'organization',
  line1: 'address-line1',
  line2: 'address-line2',
  postalCode: 'postal-code',
  city: 'address-level2',
  region: 'address-level1',
  country: 'country',
}
const FIELDS = Object.keys(AUTOCOMPLETE) as readonly AddressField[]
const REQUIRED: readonly AddressField[] = ['name', 'line1', 'postalCode', 'city', 'country']
const SHORT: readonly AddressField[] = ['postalCode', 'city', 'region', 'country']

// ISO 3166-1: where a browser can name the place. Whether the shop ships there is the server's answer.
const COUNTRIES =
  'AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW'.split(
    ' ',
  )

/** Nothing typed yet, or what the cart has. */
export function typedOf(address: Address | null): TypedAddress {
  return Object.fromEntries(FIELDS.map((field) => [field, address?.[field] ?? ''])) as TypedAddress
}

/** The address as it is sent: what is empty is left out. */
export function addressOf(typed: TypedAddress): Address {
  const filled = FIELDS.map((field) => [field, typed[field].trim()] as const).filter(([, text]) => text !== '')
  return { country: '', ...Object.fromEntries(filled) }
}

/** The fields that are missing. */
export function missingOf(typed: TypedAddress): readonly AddressField[] {
  return REQUIRED.filter((field) => typed[field].trim() === '')
}

/** The fields of one address: `change` with every key, `leave` when a field is done. `kind` is `shipping` or `billing`, which is also how browsers tell the two apart. */
export function addressFields(
  kind: 'shipping' | 'billing',
  typed: TypedAddress,
  faults: ReadonlyMap<string, string>,
  {
    words,
    language,
    change,
    leave,
  }: { words: Words; language: string; change: (field: AddressField, text: string) => void; leave: () => void },
): TemplateResult {
  return html`<div class="address">${FIELDS.map((field) => {
    const id = `${kind}-${field}`
    const fault = faults.get(id)
    const isRequired = REQUIRED.includes(field)
    const typing = (event: Event) => change(field, (event.target as HTMLInputElement).value)
    const attributes = { autocomplete: `${kind} ${AUTOCOMPLETE[field]}`, invalid: fault ? 'true' : 'false' }
    return html`<div class="field ${SHORT.includes(field) ? 'short' : ''}">
      <label for=${id}>${words.fields[field]}${isRequired ? nothing : html` <span class="muted">(${words.optional})</span>`}</label>
      ${
        field === 'country'
          ? html`<select class="input" id=${id} autocomplete=${attributes.autocomplete} aria-required="true" aria-invalid=${attributes.invalid} aria-describedby="${id}-fault" @input=${typing} @change=${leave}>
              <option value="" ?selected=${typed.country === ''}>${words.choose}</option>
              ${countries(language).map(({ code, name }) => html`<option value=${code} ?selected=${typed.country === code}>${name}</option>`)}
            </select>`
          : html`<input class="input" id=${id} maxlength=${field === 'postalCode' ? 40 : 100} autocomplete=${attributes.autocomplete} aria-required=${isRequired ? 'true' : 'false'}
              aria-invalid=${attributes.invalid} aria-describedby="${id}-fault" .value=${live(typed[field])} @input=${typing} @change=${leave} />`
      }
      <p class="fault" id="${id}-fault">${fault ?? nothing}</p>
    </div>`
  })}</div>`
}

const named = new Map<string, readonly { readonly code: string; readonly name: string }[]>()

function countries(language: string): readonly { readonly code: string; readonly name: string }[] {
  const known = named.get(language)
  if (known) return known
  const names = new Intl.DisplayNames(language, { type: 'region' })
  const list = COUNTRIES.map((code) => ({ code, name: names.of(code) ?? code })).sort((one, other) =>
    one.name.localeCompare(other.name, language),
  )
  named.set(language, list)
  return list
}
