/** What the search for secrets costs, by how many there are: in a log as services print it, and in one of base64. */
import { createHash } from "node:crypto";
import { Masker } from "../../src/agent/mask.ts";
import { secretForms } from "../../src/agent/secret-forms.ts";
import type { Bench } from "../suite.ts";
import { secretOf } from "./secrets.ts";

const counts = [1, 10, 100] as const;
const chunkBytes = 64 * 1024;
const megabyte = 1_000_000;

export async function maskFigures(bench: Bench): Promise<void> {
  for (const [name, chunk] of [
    ["lines of a service", serviceLines()],
    ["base64", base64()],
  ] as const) {
    const rates: number[] = [];
    for (const count of counts) {
      const forms = Array.from({ length: count }, (_, n) => secretOf(`S${n}`)).flatMap(secretForms);
      const title = `mask, ${name}: ${count} secrets in ${forms.length} forms`;
      const figure = await bench.measure(title, { unit: "MB/s", runs: 5 }, async () =>
        rateOf(forms, chunk, bench.quick ? 500 : 5_000),
      );
      rates.push(figure.value);
    }
    const [one = 0, , hundred = 0] = rates;
    bench.state(`mask, ${name}: time with 100 secrets / with 1`, one / hundred, { atMost: 2 });
  }
}

/** By processor time: the figure is of the code, not of what else runs here. */
function rateOf(forms: readonly Buffer[], chunk: Buffer, chunks: number): number {
  let bytes = 0;
  const masker = new Masker(forms, (piece) => (bytes += piece.length));
  const before = process.cpuUsage();
  for (let count = 0; count < chunks; count++) masker.push(chunk);
  const { user, system } = process.cpuUsage(before);
  masker.end();
  if (bytes < chunk.length * chunks * 0.99) throw new Error("the mask lost bytes");
  return (chunk.length * chunks) / megabyte / ((user + system) / 1_000_000);
}

function serviceLines(): Buffer {
  const lines: string[] = [];
  for (let n = 0; lines.length * 100 < chunkBytes * 1.2; n++) {
    const trace = createHash("md5").update(String(n)).digest("hex");
    lines.push(
      `2026-11-28T03:4${n % 10}:12.${100 + (n % 900)}Z INFO  [worker-${n % 16}] ` +
        `GET /api/v1/users/${(n * 7_919) % 100_000}/orders 200 ${n % 400}ms trace=${trace}\n`,
    );
  }
  return Buffer.from(lines.join("")).subarray(0, chunkBytes);
}

function base64(): Buffer {
  const hashes = Array.from({ length: chunkBytes / 32 }, (_, n) =>
    createHash("sha256").update(String(n)).digest(),
  );
  return Buffer.from(Buffer.concat(hashes).toString("base64")).subarray(0, chunkBytes);
}
