/** What the command definitions share. */
import { Option } from "commander";
import type { CliContext } from "../cli-context.ts";
import { keyValues } from "../key-values.ts";

/** What a command's action gets beside its own arguments. */
export interface CommandHost {
  readonly context: CliContext;
  finish(exitCode: number): void;
}

export function dataOption(): Option {
  return new Option("-d, --data <folder>", "the server's data folder")
    .default(".troupe")
    .env("TROUPE_DATA");
}

export function parameterOption(): Option {
  return new Option("-p, --param <name=value>", "a parameter of the pipeline; repeat for more")
    .argParser(keyValues("--param"))
    .default({}, "none");
}

export function workspaceOption(): Option {
  return new Option("--workspace <folder>", "jobs begin with the files of this folder");
}

export function timestampsOption(when = ""): Option {
  return new Option("-t, --timestamps", `${when}each line of a log after the time when it came`);
}

export function jsonOption(what: string): Option {
  return new Option("--json", what);
}
