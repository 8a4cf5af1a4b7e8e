#!/usr/bin/env node
// Statements of the engine and the syncing of files wait for threads of one pool, which has four unless more are asked for
// before it starts: a statement of a millisecond then waits for 50 ms of syncing. Loading an ECMAScript module starts it, so
// this file is none.
process.env.UV_THREADPOOL_SIZE ??= '8'
import('./main.mjs')
