#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { runCommandLine } from "./program.ts";

// V8 counts the buffers of messages as growth. The agent's heap is so small that a flood of log would have all of it
// marked ten times a second, for a fifth of the processor time. Now it may grow to four times what lives in it, which is
// the most that V8 allows a heap by its own rules; the log benchmark shows the memory that this takes.
setFlagsFromString("--heap-growing-percent=300");

/** What still keeps the process alive after the agent has ended is not worth waiting for longer. */
const exitMs = 1_000;

process.exitCode = await runCommandLine(process.argv.slice(2));
setTimeout(() => process.exit(), exitMs).unref();
