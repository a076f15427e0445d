/** Caches through a whole system: real agents, a real server that is killed meanwhile, and a pipeline that would poison another's. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startServer, temporaryFolder, troupe } from "../support/troupe-process.ts";

const pipeline = (name: string, content: string) => `
name: ${name}
jobs:
  build:
    cache:
      key: deps-\${{ agent.os }}-\${{ hashFiles('lock', 'sub/**/lock') }}
      restore-keys: deps-\${{ agent.os }}-
      paths: [deps]
    run: |
      cat deps/f 2>/dev/null || echo nothing
      mkdir -p deps; echo ${content} >>deps/f
`;

it("are hit by their key, found by its beginning, outlive the server, and stay within their pipeline", async () => {
  const folder = temporaryFolder();
  const [data, work] = [join(folder, "data"), join(folder, "work")];
  mkdirSync(join(work, "sub/deep"), { recursive: true });
  writeFileSync(join(work, "lock"), "1");
  writeFileSync(join(work, "sub/deep/lock"), "1");
  writeFileSync(join(folder, "own.yaml"), pipeline("own", "good"));
  writeFileSync(join(folder, "other.yaml"), pipeline("other", "poison"));
  let server = await startServer({ data, agents: 1 });
  let runs = 0;
  const logOf = async (file: string): Promise<string> => {
    const id = `r${++runs}`;
    const submit = ["submit", join(folder, file), "--data", data, "--id", id, "--workspace", work];
    expect(await troupe([...submit, "--watch"])).toMatchObject({ code: 0 });
    return (await troupe(["logs", id, "build", "--data", data])).stdout;
  };

  expect(await logOf("other.yaml")).toMatch(/: missed\nnothing\n.*: saved/);
  expect(await logOf("own.yaml")).toMatch(/: missed\nnothing\n.*: saved/);
  await server.kill9();
  server = await startServer({ data, agents: 1 });
  expect(await logOf("own.yaml")).toMatch(/: hit, restored \(.*\)\ngood\n$/);
  writeFileSync(join(work, "sub/deep/lock"), "2");
  expect(await logOf("own.yaml")).toMatch(/: missed, restored deps-.* \(.*\)\ngood\n.*: saved/);
  expect(await logOf("own.yaml")).toMatch(/: hit, restored \(.*\)\ngood\ngood\n$/);
  const rest = await logOf("other.yaml");
  expect(rest).toContain("poison");
  expect(rest).not.toContain("good");
});
