/**
 * A whole server whose files of jobs and ended logs are in S3, an agent that talks TLS to it, and a job that prints its
 * secret in every form it can: all of it arrives, and the secret is nowhere.
 */
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { expect, it } from "vitest";
import { type BlobStore, openS3BlobStore } from "../../src/actors/blobs/index.ts";
import {
  runEnded,
  startAgent,
  startServer,
  temporaryFolder,
  troupe,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const url = new URL(process.env["S3_URL"] ?? "http://missing:missing@127.0.0.1:1");
const endpoint = url.origin;
const credentials = { accessKeyId: url.username, secretAccessKey: url.password };
const bucket = `troupe-${randomUUID()}`;

const canary = 'canary "of" 7/+& the service';
const forms = [
  canary,
  Buffer.from(canary).toString("base64").replace(/.?=*$/, ""),
  encodeURIComponent(canary),
  JSON.stringify(canary).slice(1, -1),
];

const pipeline = `
name: files
jobs:
  build:
    secrets: [CANARY]
    run: |
      cat source/main.txt
      echo "raw $CANARY"
      printf %s "$CANARY" | base64 -w 0
      printf %s "$CANARY" | node -e 's = require("fs").readFileSync(0, "utf8"); console.log(encodeURIComponent(s), JSON.stringify(s))'
      printf %s "$CANARY" | cut -c 1-9 | tr -d '\\n'; sleep 0.1; printf %s "$CANARY" | cut -c 10-
      mkdir out; tr a-z A-Z <source/main.txt >out/built
      echo "**built**" >>"$TROUPE_STEP_SUMMARY"
      test -e kept/f || { mkdir kept; seq 100000 >kept/f; }
    artifacts: out
    cache: { key: "numbers-\${{ hashFiles('source/*.txt') }}", paths: kept }
  check:
    needs: build
    run: cat out/built; seq 200000
`;

it("logs and files are in the bucket, over TLS and a kill -9; the secret is neither there nor on disk", async () => {
  const client = new S3Client({ endpoint, credentials, region: "us-east-1", forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  const folder = temporaryFolder();
  const [data, work] = [join(folder, "data"), join(folder, "work")];
  mkdirSync(join(work, "source"), { recursive: true });
  writeFileSync(join(work, "source/main.txt"), "hello\n");
  writeFileSync(join(folder, "files.yaml"), pipeline);
  const secrets = join(folder, "secrets");
  writeFileSync(secrets, `CANARY='${canary}'\n`);
  const args = [
    "--tls",
    "--s3",
    `s3://${bucket}/here`,
    "--s3-endpoint",
    endpoint,
    "--secrets-file",
    secrets,
  ];
  const env = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const server = await startServer({ data, args, env });
  await startAgent(server, { name: "far" });
  const submit = ["submit", join(folder, "files.yaml"), "--data", data, "--id", "r"];
  expect(await troupe([...submit, "--workspace", work])).toMatchObject({ code: 0, stderr: "" });
  expect((await runEnded(data, "r"))[0]).toMatchObject({ status: "succeeded" });

  const blobs = await openS3BlobStore({ endpoint, credentials, bucket, prefix: "here" });
  await waitUntil("both logs are in the bucket", async () => {
    const keys: string[] = [];
    for await (const { key } of blobs.list("logs/")) keys.push(key);
    // Each has another object, of when its lines came.
    return keys.filter((key) => !key.endsWith(".times")).length === 2;
  });
  await server.kill9();
  const again = await startServer({ data, args, env });
  await waitUntil("no log is left in the folder", () => logFiles(data).length === 0);
  const log = async (job: string): Promise<string> => {
    const { code, stdout } = await troupe(["logs", "r", job, "--data", data]);
    expect(code).toBe(0);
    return stdout;
  };
  const numbers = Array.from({ length: 200_000 }, (_, n) => `${n + 1}\n`).join("");
  expect(await log("check")).toBe(`HELLO\n${numbers}`);
  const printed = await log("build");
  expect(printed).toMatch(/^troupe: cache numbers-[0-9a-f]{64}: missed\nhello\nraw \*\*\*\n\*\*\*/);
  const to = join(folder, "to");
  expect(await troupe(["artifacts", "r", "build", "--data", data, "--to", to])).toMatchObject({
    code: 0,
  });
  expect(readFileSync(join(to, "out/built"), "utf8")).toBe("HELLO\n");

  const next = ["submit", join(folder, "files.yaml"), "--data", data, "--id", "next"];
  expect(await troupe([...next, "--workspace", work, "--watch"])).toMatchObject({ code: 0 });
  expect((await troupe(["logs", "next", "build", "--data", data])).stdout).toMatch(
    /^troupe: cache numbers-[0-9a-f]{64}: hit, restored/,
  );

  again.signal("SIGTERM");
  await again.ended();
  expect(forms.filter((form) => printed.includes(form))).toEqual([]);
  expect(await blobsWith(blobs, forms)).toEqual([]);
  expect(filesWith(data, forms)).toEqual([]);
  // The search finds what is there.
  expect(await blobsWith(blobs, ["raw ***"])).toContain("logs/r/build.1");
  const caches = await openS3BlobStore({ endpoint, credentials, bucket, prefix: "here/caches" });
  expect(await blobsWith(caches, [""])).toEqual([expect.stringMatching(/^sha256\//)]);
  await caches.close();
  await blobs.close();
});

function logFiles(data: string): string[] {
  return readdirSync(join(data, "logs"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.includes(".log"),
  );
}

function filesWith(folder: string, texts: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => {
    const path = join(folder, name);
    if (!statSync(path).isFile()) return false;
    const bytes = readFileSync(path);
    return texts.some((text) => bytes.includes(text));
  });
}

async function blobsWith(blobs: BlobStore, texts: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of blobs.list()) {
    const pieces: Uint8Array[] = [];
    for await (const piece of blobs.get(key)) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    if (texts.some((text) => bytes.includes(text))) found.push(key);
  }
  return found;
}
