import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Checkout, Outcome, Submodules } from "../../proto/troupe/agent/v1/agent.ts";
import { CheckoutRefused, checkoutOrder } from "../../src/agent/checkout-order.ts";
import { checkoutProblem } from "../../src/agent/checkout-problem.ts";
import { type AgentClock, systemClock } from "../../src/agent/clock.ts";
import { systemProcessTable } from "../../src/agent/process-table.ts";
import { Repository, startGitDaemon, startGitServer } from "../support/git-server.ts";
import { waitUntil } from "../support/wait-until.ts";
import { temporaryFolder } from "./support/folder.ts";
import { isAlive, runJob, startJob } from "./support/job.ts";

const user = { name: "x-access-token", password: "c4n4ry-t0ken" };
const token = { token: user.password, tokenName: "git-token" };

function checkout(changes: Partial<Checkout>): Checkout {
  return {
    repository: "",
    ref: "",
    depth: 1,
    submodules: Submodules.UNSPECIFIED,
    path: "",
    username: "",
    token: "",
    tokenName: "",
    ...changes,
  };
}

/** Its pauses are a hundredth. */
const hastyClock: AgentClock = {
  ...systemClock,
  setTimer: (delayMs, fire) => systemClock.setTimer(delayMs / 100, fire),
};

describe("a checkout", () => {
  test("brings what HEAD names, one commit deep, and tells which", async () => {
    const root = temporaryFolder();
    const repository = new Repository(root, "app");
    repository.commit({ "a.txt": "old" });
    const head = repository.commit({ "a.txt": "new", "b/c.txt": "deep" });
    const { url } = await startGitServer(root);
    const job = await runJob({
      checkout: checkout({ repository: `${url}/app` }),
      script:
        'cat a.txt b/c.txt; echo " $TROUPE_COMMIT $(git rev-list --count HEAD)"; git status -s',
    });
    expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED, commit: head });
    expect(job.log).toContain(`newdeep ${head} 1\n`);
    expect(job.log).toContain(`troupe: checkout of ${url}/app at HEAD\n`);
    expect(job.log.trimEnd().endsWith(" 1")).toBe(true);
    expect(job.startedAtMs).toBeGreaterThan(0);
  });

  test("brings a branch, a tag, a whole ref, an earlier commit, or all there is", async () => {
    const root = temporaryFolder();
    const repository = new Repository(root, "app");
    const first = repository.commit({ f: "1" });
    repository.git("tag", "v1");
    const second = repository.commit({ f: "2" });
    repository.git("branch", "topic/x");
    const third = repository.commit({ f: "3" });
    const daemon = await startGitDaemon(root);
    const at = (ref: string, depth = 1) =>
      runJob({
        checkout: checkout({ repository: `${daemon}/app`, ref, depth }),
        script: 'echo "f=$(cat f) n=$(git rev-list --count HEAD) t=$(git tag)"',
      });
    expect(await at("topic/x")).toMatchObject({ commit: second });
    expect(await at("v1")).toMatchObject({ commit: first });
    expect(await at("refs/heads/main")).toMatchObject({ commit: third });
    const earlier = await at(second);
    expect(earlier).toMatchObject({ commit: second });
    expect(earlier.log).toContain("f=2 n=1 t=\n");
    expect((await at("main", 0)).log).toContain("f=3 n=3 t=v1\n");
  });

  test("brings submodules, with the token, into a folder", async () => {
    const root = temporaryFolder();
    const inner = new Repository(root, "inner");
    inner.commit({ i: "inner" });
    const middle = new Repository(root, "middle");
    middle.commit({ m: "middle" });
    middle.git("submodule", "add", "--quiet", "../inner", "in");
    middle.git("config", "-f", ".gitmodules", "submodule.in.url", "../inner");
    middle.commit({});
    const outer = new Repository(root, "outer");
    outer.commit({ o: "outer" });
    outer.git("submodule", "add", "--quiet", "../middle", "mid");
    outer.commit({});
    const { url } = await startGitServer(root, { user });
    const brought = (submodules: Submodules) =>
      runJob({
        checkout: checkout({ repository: `${url}/outer`, submodules, path: "src/o", ...token }),
        script: "cd src/o; cat o mid/m mid/in/i 2>/dev/null || echo; ls -A mid",
      });
    expect((await brought(Submodules.UNSPECIFIED)).log).toContain("outer\n");
    expect((await brought(Submodules.DIRECT)).log).toContain("outermiddle\n");
    expect((await brought(Submodules.RECURSIVE)).log).toContain("outermiddleinner");
  });

  test("shows its token to git alone: no argument, environment, file or log has it, and no other host", async () => {
    const root = temporaryFolder();
    new Repository(root, "app").commit({ f: "1" });
    const { url } = await startGitServer(root, { user });
    const dump = join(temporaryFolder(), "dump");
    const bin = temporaryFolder();
    const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
    const spy = `#!/bin/sh\n{ env; for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/cmdline; tr '\\0' '\\n' <$p/environ; done; } >>${dump} 2>/dev/null\nexec ${real} "$@"\n`;
    writeFileSync(join(bin, "git"), spy);
    chmodSync(join(bin, "git"), 0o755);
    const workFolder = temporaryFolder();
    const job = await runJob(
      {
        checkout: checkout({ repository: `${url}/app`, ...token }),
        script: `grep -r "$(printf '%s-t0ken' c4n4ry)" .. && echo found; cat .git/config; git fetch 2>&1 || echo "no more"`,
      },
      { workFolder, environment: { PATH: `${bin}:${process.env["PATH"]}`, HOME: bin } },
    );
    expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(job.log).toContain("no more");
    const dumped = readFileSync(dump, "utf8");
    expect(dumped).toContain("TROUPE_GIT_TOKEN_FOR=http://127.0.0.1");
    expect(dumped).not.toContain(user.password);
    expect(job.log).not.toContain(user.password);
    expect(job.log).not.toContain("found");

    let shown: string | undefined = "nothing";
    const other = createServer((request, response) => {
      shown = request.headers.authorization;
      response.writeHead(401, { "www-authenticate": 'Basic realm="other"' }).end();
    }).listen(0, "127.0.0.1");
    const redirecting = createServer((request, response) => {
      const { port } = other.address() as AddressInfo;
      response.writeHead(302, { location: `http://127.0.0.1:${port}${request.url}` }).end();
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void [other.close(), redirecting.close()]);
    await Promise.all([once(other, "listening"), once(redirecting, "listening")]);
    const { port } = redirecting.address() as AddressInfo;
    const repository = `http://127.0.0.1:${port}/app`;
    const led = await runJob({ checkout: checkout({ repository, ...token }) });
    expect(led.outcome).toBe(Outcome.FAILED);
    expect(led.reason).toContain("authentication failed");
    expect(shown).toBeUndefined();
  });

  test("says why it cannot be", async () => {
    const root = temporaryFolder();
    new Repository(root, "app").commit({ f: "1" });
    expect(new Repository(root, "empty").git("status", "-s")).toBe("");
    const open = await startGitServer(root);
    const closed = await startGitServer(root, { user });
    const daemon = await startGitDaemon(root);
    const reasonOf = async (changes: Partial<Checkout>, environment?: NodeJS.ProcessEnv) => {
      const setting = { clock: hastyClock, ...(environment && { environment }) };
      const job = await runJob({ checkout: checkout(changes), script: "echo ran" }, setting);
      expect(job.outcome).toBe(Outcome.FAILED);
      expect(job.log).not.toContain("ran\n");
      return job.reason;
    };
    const app = `${closed.url}/app`;
    expect(await reasonOf({ repository: app })).toMatch(
      /^the checkout of http.*\/app at HEAD failed: authentication failed, and the checkout has no token \(fatal:/,
    );
    expect(
      await reasonOf({ repository: app, token: "wrong-one", tokenName: "git-token" }),
    ).toContain('authentication failed: the secret "git-token" was not taken');
    const none = "there is no such repository, or none that may be seen";
    expect(await reasonOf({ repository: `${open.url}/none` })).toContain(none);
    expect(await reasonOf({ repository: `${daemon}/none` })).toContain(none);
    expect(await reasonOf({ repository: `${open.url}/app`, ref: "nowhere" })).toContain(
      'there is no branch, tag or commit "nowhere"',
    );
    const commit = "1234567890".repeat(4);
    expect(await reasonOf({ repository: `${open.url}/app`, ref: commit })).toContain(
      `there is no branch, tag or commit "${commit}"`,
    );
    expect(await reasonOf({ repository: `${open.url}/empty` })).toContain(
      "the repository is empty",
    );
    const nobody = await reasonOf({ repository: "http://127.0.0.1:1/app" });
    expect(nobody).toContain("the server cannot be reached, or the connection broke");
    const bin = temporaryFolder();
    execFileSync("ln", ["-s", "/bin/sh", join(bin, "sh")]);
    execFileSync("ln", [
      "-s",
      execFileSync("sh", ["-c", "command -v mkfifo"]).toString().trim(),
      join(bin, "mkfifo"),
    ]);
    expect(await reasonOf({ repository: `${open.url}/app` }, { PATH: bin })).toContain(
      `git was not found in PATH (${bin}): install it on this agent`,
    );
  });

  test("is tried again from nothing where the network fails", async () => {
    const root = temporaryFolder();
    const head = new Repository(root, "app").commit({ f: "1" });
    const server = await startGitServer(root);
    server.failures.push("cut", "unavailable");
    const repository = `${server.url}/app`;
    const job = await runJob({ checkout: checkout({ repository }) }, { clock: hastyClock });
    expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED, commit: head });
    expect(job.log.match(/it is tried again in/g)).toHaveLength(2);
  });

  test("ends with the job: a cancel, or its timeout, kills git", async () => {
    const root = temporaryFolder();
    new Repository(root, "app").commit({ f: "1" });
    const server = await startGitServer(root);
    const repository = `${server.url}/app`;
    server.failures.push("silence", "silence");
    const job = startJob({ checkout: checkout({ repository }), script: "echo ran" });
    await job.prints("checkout of");
    await waitUntil("git has asked", () => server.requests.length === 1);
    const gits = gitsOf(repository);
    expect(gits).not.toEqual([]);
    job.running.cancel("superseded", 50);
    const reason = "cancelled: superseded";
    expect(await job.end).toMatchObject({ outcome: Outcome.CANCELLED, reason });
    for (const pid of gits) expect(isAlive(pid)).toBe(false);
    const late = await runJob({
      checkout: checkout({ repository }),
      timeoutMs: 300,
      killGraceMs: 50,
    });
    expect(late).toMatchObject({ outcome: Outcome.TIMED_OUT, reason: "timed out after 300 ms" });
    expect(late.log).not.toContain("hello");
  });

  test("runs nothing of the repository, of a template, or of a configured folder of hooks", async () => {
    const root = temporaryFolder();
    new Repository(root, "app").commit({ f: "1" });
    const { url } = await startGitServer(root);
    const home = temporaryFolder();
    const hooks = join(home, "template", "hooks");
    mkdirSync(hooks, { recursive: true });
    const hook = join(hooks, "post-checkout");
    writeFileSync(hook, `#!/bin/sh\ntouch ${home}/hooked\n`);
    chmodSync(hook, 0o755);
    writeFileSync(
      join(home, ".gitconfig"),
      `[init]\n\ttemplateDir = ${home}/template\n[core]\n\thooksPath = ${hooks}\n`,
    );
    const environment = { PATH: process.env["PATH"], HOME: home };
    const job = await runJob({ checkout: checkout({ repository: `${url}/app` }) }, { environment });
    expect(job.outcome).toBe(Outcome.SUCCEEDED);
    expect(readdirSync(home)).not.toContain("hooked");
  });
});

/** The processes of a checkout of this repository. */
function gitsOf(repository: string): number[] {
  const table = systemProcessTable();
  const mark = `TROUPE_GIT_REPOSITORY=${repository}`;
  return table.list().flatMap(({ pid }) => (table.startedWith(pid, mark) ? [pid] : []));
}

describe("what git is asked", () => {
  test.each([
    "ext::sh -c touch% /tmp/pwned",
    "ext::sh@host:path",
    "file:///etc",
    "/etc",
    "../up",
    "-oProxyCommand=touch",
    "--upload-pack=touch",
    "ssh://-oProxyCommand=touch/x",
    "ssh://-o@host/x",
    "-x@host:path",
    "git@host:-path",
    "git@-host:path",
    "user@host::path",
    "fd::17/x",
    "http://ho st/x",
    "https://host/x\n--upload-pack=y",
    "https://user:word@host/x",
    "https://user@host/x",
    "",
  ])("refuses the repository %j", (repository) => {
    expect(() => checkoutOrder(checkout({ repository }))).toThrow(CheckoutRefused);
  });

  test.each(["https://h/x.git", "http://h:1/x", "ssh://git@h/x", "git://h/x", "git@h.org:a/b.git"])(
    "takes the repository %j",
    (repository) => {
      expect(checkoutOrder(checkout({ repository }))).toMatchObject({ repository, ref: "HEAD" });
    },
  );

  test("a token is for its own origin, over TLS or on the loopback", () => {
    const tokenFor = (repository: string) =>
      checkoutOrder(checkout({ repository, ...token })).tokenFor;
    expect(tokenFor("https://git.example.org:8443/a")).toBe("https://git.example.org:8443");
    expect(tokenFor("http://localhost:1/a")).toBe("http://localhost:1");
    for (const repository of ["http://example.org/a", "ssh://git@h/a", "git@h:a", "git://h/a"]) {
      expect(() => tokenFor(repository), repository).toThrow(/^a token/);
    }
    const lines = checkout({ repository: "https://h/a", ...token, token: "a\nhost=evil" });
    expect(() => checkoutOrder(lines)).toThrow(/more than one line/);
  });

  test("no ref that it takes is an option, a list of refs or no ref at all to git", () => {
    const hostile = fc
      .array(
        fc.constantFrom("-", "+", ":", "..", "@{", "^", "~", "*", " ", "a", "/", "\n", "\\", "["),
        { maxLength: 6 },
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(fc.string(), hostile), (ref) => {
        let order: ReturnType<typeof checkoutOrder>;
        try {
          order = checkoutOrder(checkout({ repository: "https://h/a", ref }));
        } catch (error) {
          expect(error).toBeInstanceOf(CheckoutRefused);
          return;
        }
        expect(order.ref).not.toMatch(/^[-+]|[\s:~^?*[\\]|\.\./);
        expect(order.ref).not.toBe("");
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["remote: please try --upload-pack\nfatal: couldn't find remote ref x", /no branch/, false],
    ["fatal: unable to access 'https://h/': Could not resolve host: h", /cannot be reached/, true],
    [
      "fatal: unable to access 'https://h/': The requested URL returned error: 503",
      /reached/,
      true,
    ],
    [
      "fatal: unable to access 'https://h/': The requested URL returned error: 403",
      /authentic/,
      false,
    ],
    [
      "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
      /authentic/,
      false,
    ],
    [
      "remote: Repository not found.\nfatal: Authentication failed for 'x'",
      /authentication/,
      false,
    ],
    ["fatal: write error: No space left on device", /no space left/, false],
    ["remote: fatal: Connection reset\nfatal: something new", /^fatal: something new$/, false],
    ["", /^git said nothing$/, false],
  ])("understands %j", (tail, text, isPassing) => {
    const problem = checkoutProblem(tail, { ref: "x", tokenName: "t" });
    expect(problem.text).toMatch(text);
    expect(problem.isPassing).toBe(isPassing);
  });
});
