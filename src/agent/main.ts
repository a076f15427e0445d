#!/usr/bin/env node
import { runCommandLine } from "./program.ts";

/** What still keeps the process alive after the agent has ended is not worth waiting for longer. */
const exitMs = 1_000;

process.exitCode = await runCommandLine(process.argv.slice(2));
setTimeout(() => process.exit(), exitMs).unref();
