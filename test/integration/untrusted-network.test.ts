/**
 * An agent across a network that is not trusted: real processes, TLS between them, the command line as an
 * operator uses it. And what is on disk afterwards: no key in the clear, no token, on the server's side.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  createToken,
  type RunningProcess,
  runEnded,
  start,
  startServer,
  temporaryFolder,
  troupe,
  troupeJson,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

/** How every private key on P-256 begins (PKCS#8). */
const keyStart = Buffer.from(
  "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420",
  "hex",
);
const passphrase = "canary-of-the-operator-7f3a";

function agentOf(address: string, state: string, token?: string): RunningProcess {
  const folders = ["--state-dir", state, "--work-dir", join(state, "w"), "--name", "far"];
  const env = token === undefined ? {} : { TROUPE_TOKEN: token };
  return start(["agent", "--server", address, ...folders], { env });
}

function isIdle(data: string): () => Promise<boolean> {
  return async () => {
    const workers = await troupeJson<{ status: string }>(["workers", "--data", data]);
    return workers.some(({ status }) => status === "idle");
  };
}

/** Files below the folder in which one of these is found, as it is or in base64. */
function filesWith(folder: string, canaries: readonly Buffer[]): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => {
    const path = join(folder, name);
    if (!statSync(path).isFile()) return false;
    const bytes = readFileSync(path);
    return canaries.some(
      (canary) =>
        bytes.includes(canary) ||
        // Its last character depends on what follows.
        bytes.includes(canary.toString("base64").replace(/.?=*$/, "")),
    );
  });
}

it("lets an agent in across the network, keeps it, and shuts it out; no secret is on disk", async () => {
  const folder = temporaryFolder();
  const [data, state] = [join(folder, "data"), join(folder, "state")];
  const args = ["--advertise", "localhost"];
  const env = { TROUPE_CA_KEY: passphrase };
  const server = await startServer({ data, listen: "0.0.0.0:0", args, env });
  expect(server.address).toMatch(/^localhost:\d+$/);

  const token = await createToken(data);
  expect(token).toMatch(/^troupe_[\w-]{43}\.[\w-]{43}$/);
  const first = agentOf(server.address, state, token);
  await waitUntil("the agent is in", isIdle(data));

  const pipeline = join(folder, "p.yaml");
  writeFileSync(pipeline, "name: p\njobs:\n  a:\n    run: echo across\n");
  await troupe(["submit", pipeline, "--data", data, "--id", "r"]);
  expect(await runEnded(data, "r")).toMatchObject([{ status: "succeeded" }, { job: "a" }]);

  // Over restarts of both, without a token.
  await first.kill9();
  await server.kill9();
  const again = await startServer({
    data,
    listen: server.address.replace("localhost", "0.0.0.0"),
    args,
    env,
  });
  const second = agentOf(server.address, state);
  await waitUntil("the agent is back", isIdle(data));

  // Whoever has the token by now gets nothing for it.
  const thief = agentOf(server.address, join(folder, "thief"), token);
  expect(await thief.ended()).toBe(3);
  expect(thief.stderr()).toMatch(/it is used/);
  // Nor does the agent talk to somebody who only has the address.
  const elsewhere = await startServer({
    data: join(folder, "other"),
    listen: "127.0.0.1:0",
    args: ["--tls"],
  });
  const fresh = await createToken(data);
  const misled = agentOf(elsewhere.address, join(folder, "misled"), fresh);
  expect(await misled.ended()).toBe(3);
  expect(misled.stderr()).toMatch(/not the one that this token was made on/);

  const [worker] = await troupeJson<{ workerId: string }>(["workers", "--data", data]);
  const denied = await troupe([
    "workers",
    "deny",
    worker?.workerId ?? "",
    "--data",
    data,
    "--reason",
    "lost",
  ]);
  expect(denied).toMatchObject({ code: 0, stdout: expect.stringMatching(/session has ended/) });
  expect(await second.ended()).toBe(3);
  expect(second.stderr()).toMatch(/denied.*lost/);

  const { stdout } = await troupe(["audit", "--data", data]);
  for (const kind of ["token-created", "agent-enrolled", "enrolment-refused", "agent-denied"]) {
    expect(stdout).toContain(kind);
  }
  const rotated = await troupe(["authority", "rotate", "--data", data]);
  expect(rotated.stdout.split("\n").slice(1, 3)).toEqual([
    expect.stringMatching(/agents$/),
    expect.stringMatching(/servers$/),
  ]);

  again.signal("SIGTERM");
  await again.ended();
  const [secret = ""] = token.split(".");
  const [unused = ""] = fresh.split(".");
  const onServer = [keyStart, Buffer.from(secret), Buffer.from(unused), Buffer.from(passphrase)];
  expect(filesWith(data, onServer)).toEqual([]);
  // The same search finds the agent's own key, where it belongs, and readable by its user only.
  const key = keyOf(join(state, "identity.json"));
  expect(filesWith(state, [keyStart])).toEqual(["identity.json"]);
  expect(statSync(join(state, "identity.json")).mode & 0o777).toBe(0o600);
  expect(filesWith(data, [key])).toEqual([]);
  expect(filesWith(state, [Buffer.from(secret)])).toEqual([]);
});

it("does not tell a token with a fingerprint to a connection without TLS, whatever it is told", async () => {
  const folder = temporaryFolder();
  const args = ["--tls"];
  const server = await startServer({ data: join(folder, "data"), listen: "127.0.0.1:0", args });
  const token = await createToken(server.data);
  const flags = ["--server", server.address, "--state-dir", join(folder, "s"), "--plaintext"];
  const plain = start(["agent", ...flags], { env: { TROUPE_TOKEN: token } });
  expect(await plain.ended()).toBe(3);
  expect(plain.stderr()).toMatch(/leave out --plaintext/);
});

/** The key itself, of an identity file. */
function keyOf(path: string): Buffer {
  const { privateKeyPem } = JSON.parse(readFileSync(path, "utf8")) as { privateKeyPem: string };
  const der = Buffer.from(privateKeyPem.replace(/-----.*-----|\s/g, ""), "base64");
  expect(der.subarray(0, keyStart.length)).toEqual(keyStart);
  return der.subarray(keyStart.length, keyStart.length + 32);
}
