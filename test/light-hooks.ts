// Loaded before every test file (test/setup.ts). Node's test runner follows every promise of a process, only to say which test an error came
// from that no test waited for; that took a fifth of the suite's time. Without it such an error still fails its file (test/light-hooks.test.ts),
// and `ATTRIBUTION=1 npm test` says which test it was.
import hooks from 'node:async_hooks'

const { createHook } = hooks

if (!process.env.ATTRIBUTION) hooks.createHook = () => createHook({})
