/** A token lets one agent in, once, in time; anything else is refused with a reason a person can use. */
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  createToken,
  type RunningProcess,
  start,
  startServer,
  temporaryFolder,
  troupeJson,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

function agentWith(token: string, address: string): RunningProcess {
  const folder = temporaryFolder();
  return start(
    [
      "agent",
      "--server",
      address,
      "--state-dir",
      join(folder, "s"),
      "--work-dir",
      join(folder, "w"),
    ],
    { env: { TROUPE_TOKEN: token } },
  );
}

it("refuses a token that is wrong, used or expired", async () => {
  const data = join(temporaryFolder(), "data");
  const server = await startServer({ data });

  const good = await createToken(data);
  const agent = agentWith(good, server.address);
  await waitUntil("the agent is in", async () => {
    const workers = await troupeJson<{ status: string }>(["workers", "--data", data]);
    return workers.some(({ status }) => status === "idle");
  });
  expect(agent.child.exitCode).toBeNull();

  const reused = agentWith(good, server.address);
  expect(await reused.ended()).not.toBe(0);
  expect(reused.stderr()).toMatch(/used/);

  const wrong = agentWith(`${good.slice(0, -4)}AAAA`, server.address);
  expect(await wrong.ended()).not.toBe(0);
  expect(wrong.stderr()).toMatch(/token/);

  const brief = await createToken(data, ["--ttl", "1"]);
  const { expiresAtMs } = { expiresAtMs: Date.now() + 1_100 };
  await waitUntil("the token has expired", () => Date.now() > expiresAtMs);
  const late = agentWith(brief, server.address);
  expect(await late.ended()).not.toBe(0);
  expect(late.stderr()).toMatch(/expired/);
});
