/** A full or read-only disk: a clear error, nothing acknowledged is lost, and work goes on when there is room. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { smallDisk } from "../support/small-disk.ts";
import { start, startServer, temporaryFolder, troupe } from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

function onePipeline(folder: string): string {
  const file = join(folder, "one.yaml");
  writeFileSync(file, "name: one\njobs:\n  only:\n    run: echo done\n");
  return file;
}

it("disk full: refuses with a clear error, keeps what it acknowledged, goes on when there is room", async () => {
  const folder = temporaryFolder();
  const data = temporaryFolder();
  const file = onePipeline(folder);
  const disk = await smallDisk(data, "size=24m");
  const wrap = disk.enter;
  const first = await startServer({ data, agents: 1, wrap });
  const submit = (id: string) => troupe(["submit", file, "--data", data, "--id", id], { wrap });
  const status = async (id: string) => (await troupe(["ps", id, "--data", data], { wrap })).stdout;

  expect((await submit("before")).code).toBe(0);
  await waitUntil("the first run has ended", async () =>
    (await status("before")).includes(" succeeded in "),
  );

  disk.sh(`cat /dev/zero > ${data}/filler 2> /dev/null || true`);
  const refused = await waitUntil("a submit is refused", async () => {
    const output = await submit(`full-${Math.random().toString(36).slice(2)}`);
    return output.code === 0 ? undefined : output;
  });
  expect(refused.stderr).toMatch(/disk is full|no space/i);
  expect(refused.stderr).not.toMatch(/\n\s+at /);

  disk.sh(`rm ${data}/filler`);
  await first.kill9();
  await startServer({ data, agents: 1, wrap });
  expect(await status("before")).toMatch(/ succeeded in /);
  expect((await submit("after")).code).toBe(0);
  await waitUntil("the later run has ended", async () =>
    (await status("after")).includes(" succeeded in "),
  );
});

it("read-only folder: says so before anything starts", async () => {
  const data = temporaryFolder();
  const disk = await smallDisk(data, "ro,size=1m");
  const server = start(["dev", "--data", data, "--listen", "127.0.0.1:0"], { wrap: disk.enter });
  expect(await server.ended()).toBe(1);
  expect(server.stderr()).toMatch(/read-only|cannot be written/i);
  expect(server.stderr()).toContain(data);
  expect(server.stderr()).not.toMatch(/\n\s+at /);
});
