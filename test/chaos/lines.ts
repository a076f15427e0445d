import type { Readable } from "node:stream";

/** Calls back with each whole line of a stream. What a killed process leaves half-written is no line. */
export function onLines(stream: Readable, show: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) show(line);
  });
}
