/** A server that speaks S3, for the blob store: found, or versitygw on a temporary folder. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort, startServer, temporaryFolder } from "./server-process.mjs";
import { versitygw } from "./versitygw.mjs";

const KEY = "troupe";
const SECRET = "troupe-tests-only";

export const s3 = {
  name: "S3",
  variable: "S3_URL",
  needs: "tests of blobs in S3",
  async obtain() {
    const found = versitygw();
    if ("missing" in found) return found;
    const port = await freePort();
    const folder = temporaryFolder("s3");
    const buckets = join(folder, "buckets");
    mkdirSync(buckets);
    const { stop } = await startServer({
      name: "versitygw",
      command: found.program,
      args: ["--access", KEY, "--secret", SECRET, "--port", `127.0.0.1:${port}`, "posix", buckets],
      folder,
      deadlineMs: 60_000,
      answers: () => answers(port),
    });
    return { address: `http://${KEY}:${SECRET}@127.0.0.1:${port}`, how: found.how, stop };
  },
};

/** Whoever shows no credentials is turned away, in S3's words. */
async function answers(port) {
  const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5_000) });
  return response.status === 403 && (await response.text()).includes("<Code>");
}
