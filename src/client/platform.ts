// Types of what the platform brings (`fetch` and what belongs to it), as whoever uses the client has them: from the DOM's types, from Node's or the
// edge's. A project that has none of them type-checks all the same, and cannot use what it has no types for.

/** `fetch`. */
export type Fetch = typeof globalThis extends { fetch: infer Own } ? Own : never

/** What `fetch` answers. */
export type FetchResponse = typeof globalThis extends { Response: { prototype: infer Own } } ? Own : never

/** What ends a call. */
export type EndSignal = typeof globalThis extends { AbortSignal: { prototype: infer Own } } ? Own : never
