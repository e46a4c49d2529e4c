// The few pictures of the elements, drawn with the text's own colour.
import { svg } from 'lit'

const drawn = (path: ReturnType<typeof svg>) => svg`<svg viewBox="0 0 24 24" aria-hidden="true">${path}</svg>`

/** A shopping bag. */
export const bag = drawn(
  svg`<path d="M5.5 8h13l1 11.5a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1z"/><path d="M8.5 10.500V7a3.500 3.500 0 0 1 7 0v3.500"/>`,
)
/** A cross. */
export const cross = drawn(svg`<path d="M6 6l12 12M18 6L6 18"/>`)
/** A tick. */
export const tick = drawn(svg`<circle cx="12" cy="12" r="9.25"/><path d="M8 12.500l2.750 2.750L16 9.500"/>`)
/** A clock. */
export const clock = drawn(svg`<circle cx="12" cy="12" r="9.25"/><path d="M12 7v5.250l3.250 2"/>`)
/** A circle with a bar: it is over. */
export const ended = drawn(svg`<circle cx="12" cy="12" r="9.25"/><path d="M8 12h8"/>`)
/** A cloud without connection. */
export const away = drawn(
  svg`<path d="M7 18.500a4.500 4.500 0 0 1-.6-8.960A6 6 0 0 1 17.600 11 3.800 3.800 0 0 1 17.500 18.500z"/><path d="M4 4l16 16"/>`,
)
