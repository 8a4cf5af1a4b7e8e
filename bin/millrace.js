#!/usr/bin/env node
const { setFlagsFromString } = require('node:v8')

// Statements of the engine and the syncing of files wait for threads of one pool, which has four unless more are asked for
// before it starts: a statement of a millisecond then waits for 50 ms of syncing. Loading an ECMAScript module starts it, so
// this file is none.
process.env.UV_THREADPOOL_SIZE ??= '8'
// V8 optimizes a function that has run for a while, in threads the engine needs. Ours run briefly: an eighth less processor time
// where a function has to run for seven times as long.
setFlagsFromString('--interrupt-budget=1000000')
import('./main.mjs')
