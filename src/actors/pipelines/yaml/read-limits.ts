/** What a job may use at most: `limits: { memory: 512MiB, cpus: 1.5, processes: 200, log: 100MiB }`. */
import type { JobLimits } from "../../workers/index.ts";
import type { ProblemPath } from "../problem.ts";
import type { Entry, YamlReader } from "./yaml-reader.ts";

const keys = ["memory", "cpus", "processes", "log"] as const;

const hints = {
  cpu: "write cpus:, the number of CPUs",
  mem: "write memory:, with a unit such as MiB",
  pids: "write processes:",
  timeout: "write timeout: beside limits:, not in it",
};

export function readLimits(
  reader: YamlReader,
  limits: Entry | undefined,
  path: ProblemPath,
): JobLimits | undefined {
  if (limits === undefined) return undefined;
  reader.note(path, limits.key);
  const what = "a map such as { memory: 512MiB, cpus: 2, processes: 200 }";
  const { memory, cpus, processes, log } = reader.fields(limits.value, what, { keys, hints }) ?? {};
  const noted = <T>(entry: Entry | undefined, name: string, read: (entry: Entry) => T) => {
    if (entry === undefined) return undefined;
    reader.note([...path, name], entry.value);
    return read(entry);
  };
  const memoryBytes = noted(memory, "memoryBytes", ({ value }) => reader.size(value));
  const cpuCount = noted(cpus, "cpus", ({ value }) => reader.number(value, "a number of CPUs"));
  const processCount = noted(processes, "processes", ({ value }) =>
    reader.number(value, "a number of processes"),
  );
  const logBytes = noted(log, "logBytes", ({ value }) => reader.size(value));
  return {
    ...(logBytes === undefined ? {} : { logBytes }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(cpuCount === undefined ? {} : { cpus: cpuCount }),
    ...(processCount === undefined ? {} : { processes: processCount }),
  };
}
