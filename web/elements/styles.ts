// How the elements look: one accent, quiet surfaces, generous space. Everything a shop may change is a custom property that begins with
// `--cartwright-`; colours follow the page's `color-scheme`. Only logical directions, so that right-to-left pages need nothing. Style sheets are
// constructed, never written into the page, so a strict content security policy lets them be.
import { css } from 'lit'

/** Colours, type, buttons and fields. */
export const base = css`
  :host {
    --accent: var(--cartwright-accent, light-dark(#1d5b48, #86d0b5));
    --on-accent: var(--cartwright-on-accent, light-dark(#ffffff, #08251b));
    --text: var(--cartwright-text, light-dark(#1c211f, #eef1ef));
    --muted: var(--cartwright-muted, light-dark(#59625e, #a9b3ae));
    --surface: var(--cartwright-surface, light-dark(#ffffff, #161a18));
    --raised: var(--cartwright-raised, light-dark(#f4f6f4, #212623));
    --line: var(--cartwright-line, light-dark(#e1e5e2, #343b37));
    --edge: var(--cartwright-edge, light-dark(#838c87, #78837d));
    --danger: var(--cartwright-danger, light-dark(#a32a20, #ffa198));
    --warning: var(--cartwright-warning, light-dark(#fcf3df, #382e16));
    --radius: var(--cartwright-radius, 10px);
    box-sizing: border-box;
    color: var(--text);
    font-family: var(--cartwright-font, ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif);
    font-size: var(--cartwright-font-size, 1rem);
    line-height: 1.5;
    text-align: start;
    -webkit-text-size-adjust: 100%;
  }
  :host([hidden]) { display: none; }
  *, *::before, *::after { box-sizing: inherit; }
  h2, h3, p, ul, ol, dl, dd, fieldset { margin: 0; padding: 0; border: 0; min-inline-size: 0; }
  ul, ol { list-style: none; }
  h2 { font-size: 1.5em; font-weight: 650; line-height: 1.2; letter-spacing: -0.015em; text-wrap: balance; }
  h3, legend { font-size: 1.0625em; font-weight: 650; line-height: 1.3; padding: 0; }
  button, input, select { font: inherit; color: inherit; margin: 0; }
  .unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  .muted { color: var(--muted); }
  .small { font-size: 0.875em; }
  p:empty { display: none; }
  .number { font-variant-numeric: tabular-nums; white-space: nowrap; }

  .button {
    display: inline-flex; align-items: center; justify-content: center; gap: 0.5em;
    min-block-size: 2.75rem; padding: 0.5rem 1.25rem;
    border: 1px solid var(--edge); border-radius: var(--radius);
    background: transparent; color: var(--text);
    font-weight: 600; line-height: 1.2; text-decoration: none; text-align: center; cursor: pointer;
    transition: background-color 120ms, border-color 120ms, opacity 120ms;
  }
  .button:hover { background: var(--raised); }
  .button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
  .button.primary:hover { background: color-mix(in oklab, var(--accent) 88%, var(--text)); }
  .button.small { min-block-size: 2.25rem; padding: 0.25rem 0.875rem; }
  .button.wide { inline-size: 100%; }
  .button[disabled], .button[aria-disabled='true'] { background: var(--raised); border-color: var(--line); color: var(--muted); cursor: default; }
  .link {
    display: inline-flex; align-items: center; min-block-size: 2rem; padding: 0 0.25rem; border: 0; border-radius: 4px; background: none;
    color: var(--muted); font-size: 0.875em; text-decoration: underline; text-underline-offset: 0.2em; text-decoration-color: var(--line); cursor: pointer;
  }
  .link:hover { color: var(--text); text-decoration-color: currentColor; }
  .link.danger:hover { color: var(--danger); }
  .icon { inline-size: 2.5rem; block-size: 2.5rem; display: inline-grid; place-items: center; flex: none; padding: 0; border: 0; border-radius: 50%; background: none; color: inherit; cursor: pointer; }
  .icon:hover { background: var(--raised); }
  svg { inline-size: 1.375rem; block-size: 1.375rem; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; flex: none; }
  :is(button, a, input, select):focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }

  /* Where the focus is put, not where a key leads: nothing to operate there. */
  [tabindex='-1']:focus { outline: none; }

  .field { display: grid; gap: 0.375rem; align-content: start; }
  .field > label, .label { font-size: 0.875em; font-weight: 600; }
  .field > label .muted { font-weight: 400; }
  .input {
    inline-size: 100%; min-block-size: 2.75rem; padding: 0.5rem 0.75rem;
    border: 1px solid var(--edge); border-radius: var(--radius); background: var(--surface); color: var(--text); text-overflow: ellipsis;
  }
  select.input { padding-inline-end: 0.5rem; }
  .input[aria-invalid='true'] { border-color: var(--danger); box-shadow: inset 0 0 0 1px var(--danger); }
  .fault { color: var(--danger); font-size: 0.875em; }
  .note { display: flex; gap: 0.75rem; align-items: center; justify-content: space-between; padding: 0.625rem 0.875rem; border-radius: var(--radius); background: var(--raised); font-size: 0.9375em; }
  .login { color: inherit; font-weight: 600; }
  .note .button { flex: none; }
  .note.warning, .note.error { background: var(--warning); }
  .note.alert { background: color-mix(in oklab, var(--danger) 12%, var(--surface)); color: var(--text); }

  .stepper { display: inline-flex; border: 1px solid var(--edge); border-radius: var(--radius); background: var(--surface); overflow: clip; overflow-clip-margin: 6px; }
  .stepper button { inline-size: 2.5rem; min-block-size: calc(2.75rem - 2px); border: 0; background: none; cursor: pointer; font-size: 1.125em; border-radius: calc(var(--radius) - 2px); }
  .stepper button:hover:not([disabled]) { background: var(--raised); }
  .stepper button[disabled] { color: var(--edge); cursor: default; }
  .stepper input { inline-size: 2.75rem; border: 0; background: none; text-align: center; font-variant-numeric: tabular-nums; appearance: textfield; border-radius: 4px; }
  .stepper input::-webkit-inner-spin-button, .stepper input::-webkit-outer-spin-button { appearance: none; margin: 0; }

  .bone { display: block; border-radius: 6px; background: var(--raised); color: transparent; animation: breathe 1.6s ease-in-out infinite alternate; }
  @keyframes breathe { to { opacity: 0.45; } }
  .blank { display: grid; justify-items: center; align-content: center; gap: 0.5rem; padding: 3rem 1rem; text-align: center; }
  .blank svg { inline-size: 3rem; block-size: 3rem; stroke-width: 1.25; color: var(--edge); margin-block-end: 0.5rem; }

  @media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; } }
  @media (forced-colors: active) { .button, .input, .stepper { border-color: ButtonText; } }
`

/** Rows, totals, codes: what a page and a drawer show of a cart. */
export const contents = css`
  .rows { display: grid; }
  .row { display: grid; grid-template-columns: 5rem minmax(0, 1fr); gap: 0.25rem 1rem; padding-block: 1.25rem; border-block-end: 1px solid var(--line); }
  .picture { grid-row: span 3; inline-size: 5rem; block-size: 5rem; border-radius: var(--radius); background: var(--raised); object-fit: cover; }
  .row header { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 1rem; align-items: start; }
  .name { font-weight: 600; overflow-wrap: anywhere; }
  .price { text-align: end; }
  .price .was { display: block; color: var(--muted); font-size: 0.875em; }
  .tools { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.75rem; margin-block-start: 0.5rem; }
  .tools .end { display: flex; gap: 0.5rem; align-items: center; margin-inline-start: auto; }
  .stepper.row-size button { inline-size: 2.25rem; min-block-size: 2.25rem; }
  .stepper.row-size input { inline-size: 2.5rem; }
  .notes { display: grid; gap: 0.5rem; }
  .notes:not(:has(*)) { display: none; }
  .notes:has(*) { margin-block: 0.75rem; }
  .row .notes { grid-column: 1 / -1; }
  .code { display: grid; gap: 0.375rem; }
  .code form { display: flex; gap: 0.5rem; }
  .code .input { flex: 1; min-inline-size: 0; text-transform: uppercase; }
  .codes { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-block-start: 0.25rem; }
  .chip { display: inline-flex; align-items: center; gap: 0.25rem; padding-inline: 0.75rem 0.25rem; min-block-size: 2rem; border-radius: 1rem; background: var(--raised); font-size: 0.875em; font-weight: 600; }
  .chip button { inline-size: 1.75rem; block-size: 1.75rem; }
  .chip svg { inline-size: 0.875rem; block-size: 0.875rem; }
  .totals { display: grid; grid-template-columns: 1fr auto; gap: 0.5rem 0; }
  .totals dd { text-align: end; }
  .totals .sum { font-size: 1.1875em; font-weight: 650; padding-block-start: 0.75rem; margin-block-start: 0.25rem; border-block-start: 1px solid var(--line); }
  /* What is answered at once does not flicker. */
  .guess { color: var(--muted); font-size: 0.75rem; font-weight: 400; animation: appear 200ms 400ms backwards; }
  @keyframes appear { from { opacity: 0; } }
`
