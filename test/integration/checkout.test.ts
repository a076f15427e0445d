/** Sources on their way through a whole system: a repository behind a password, checked out by an agent of a real server. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Repository, startGitServer } from "../support/git-server.ts";
import { startServer, temporaryFolder, troupe, troupeJson } from "../support/troupe-process.ts";

const password = "c4n4ry-t0ken";

const pipeline = (url: string, path: string) => `
name: sources
parameters:
  branch: { default: main }
jobs:
  build:
    checkout:
      repository: ${url}/app
      ref: \${{ parameters.branch }}
      token: GIT_TOKEN
    retry: { attempts: 2, delay: 10ms }
    outputs: [commit]
    run: |
      cat f
      if [ "$TROUPE_ATTEMPT" = 1 ]; then
        git -C ${path} -c user.name=Ada -c user.email=ada@example.org commit -q --allow-empty -m second
        exit 1
      fi
      echo "commit=$TROUPE_COMMIT" >>"$TROUPE_OUTPUT"
  next:
    needs: build
    checkout: { repository: ${url}/app, ref: "\${{ needs.build.outputs.commit }}", path: app, token: GIT_TOKEN }
    run: cat app/f
  wrong:
    checkout: { repository: ${url}/app, ref: nowhere, token: GIT_TOKEN }
    continue-on-error: true
    run: echo never
`;

interface JobLine {
  readonly job: string;
  readonly attempt: number;
  readonly commit?: string;
  readonly reason?: string;
}

it("a commit is brought, pinned over attempts and handed on; its token is stored nowhere", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const root = join(folder, "repositories");
  const repository = new Repository(root, "app");
  const first = repository.commit({ f: "first" });
  const user = { name: "x-access-token", password };
  const git = await startGitServer(root, { user });
  writeFileSync(join(folder, "sources.yaml"), pipeline(git.url, repository.path));
  const secrets = join(folder, "secrets");
  writeFileSync(secrets, `GIT_TOKEN=${password}\n`);
  await startServer({ data, agents: 1, args: ["--secrets-file", secrets] });

  const submit = ["submit", join(folder, "sources.yaml"), "--data", data, "--id", "r", "--watch"];
  const submitted = await troupe(submit);
  expect(submitted, submitted.stderr).toMatchObject({ code: 0 });
  // The branch moved in the first attempt.
  expect(repository.git("rev-parse", "main")).not.toBe(first);

  const jobs = await troupeJson<JobLine>(["ps", "r", "--data", data]);
  const line = (name: string) => jobs.find(({ job }) => job === name);
  expect(line("build")).toMatchObject({ attempt: 2, commit: first });
  expect(line("next")).toMatchObject({ commit: first });
  expect(line("wrong")?.reason).toContain('there is no branch, tag or commit "nowhere"');
  const log = await troupe(["logs", "r", "next", "--data", data]);
  expect(log.stdout).toContain("first");
  expect((await troupe(["ps", "r", "--data", data])).stdout).toContain(
    `commit ${first.slice(0, 9)}`,
  );
  expect(execFileSync("grep", ["-rlaF", first, data], { encoding: "utf8" })).not.toBe("");
  expect(() => execFileSync("grep", ["-rlaF", password, data])).toThrow();
});
