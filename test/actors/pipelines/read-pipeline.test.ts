import { describe, expect, it } from "vitest";
import { limits } from "../../../src/actors/kernel/index.ts";
import { checkPipelineYaml, readPipelineYaml } from "../../../src/actors/pipelines/index.ts";

const read = (text: string) => readPipelineYaml(text, { file: "ci/demo.yaml" });

describe("a pipeline file", () => {
  it("reads every key", () => {
    const definition = read(`
name: release
parameters:
  version: { type: string, description: what to ship }
  count: { type: number, default: 3 }
  debug: { default: false }
  target: { options: [staging, production], default: staging }
  note: { required: false }
env:
  VERSION: v\${{ parameters.version }}
timeout: 1h30m
parallel: 4
fail-fast: true
jobs:
  build:
    description: compiles
    run: make
    shell: bash
    outputs: sha
    labels: { os: linux }
    timeout: 90
    kill-grace: 500ms
    retry: 2
    priority: 5
    working-directory: src
    limits: { memory: 1.5GiB, cpus: 0.5, processes: 20, log: 2MiB }
    artifacts: [dist, report.xml]
    stdin: v\${{ parameters.version }}
  ship:
    needs: build
    checkout:
      repository: https://h/\${{ parameters.target }}.git
      ref: \${{ needs.build.outputs.sha }}
      depth: 0
      submodules: recursive
      path: app
      username: bot
      token: GIT_TOKEN
    env: { SHA: "\${{ needs.build.outputs.sha }}", PLAIN: 0644 }
    secrets: { TOKEN: NPM_TOKEN }
    continue-on-error: true
    retry: { attempts: 5, delay: 2s, factor: 1.5, max-delay: 1m }
    runs-on: [os=linux, arch=arm64]
    run: ./ship
  clean:
    finally: true
    secrets: [KEY]
    checkout: git@h:app.git
    cache:
      key: k-\${{ agent.os }}-\${{ hashFiles('lock', "sub/**") }}
      restore-keys: ["k-\${{ agent.arch }}", k-]
      paths: .npm
    run: echo \${{ needs.ship.conclusion }} \${{ run.conclusion }}
outputs:
  sha: \${{ needs.build.outputs.sha }}
`);
    expect(definition).toEqual({
      name: "release",
      parameters: [
        { name: "version", type: "string", required: true, description: "what to ship" },
        { name: "count", type: "number", required: false, default: 3 },
        { name: "debug", type: "boolean", required: false, default: false },
        {
          name: "target",
          type: "choice",
          required: false,
          of: ["staging", "production"],
          default: "staging",
        },
        { name: "note", type: "string", required: false },
      ],
      timeoutMs: 5_400_000,
      parallelMax: 4,
      failFast: true,
      jobs: [
        {
          name: "build",
          description: "compiles",
          needs: [],
          finally: false,
          shell: "bash",
          script: "make",
          env: { VERSION: ["v", { ref: "parameter", name: "version" }] },
          secrets: {},
          outputs: ["sha"],
          labels: { os: "linux" },
          timeoutMs: 90_000,
          killGraceMs: 500,
          retry: { attemptsMax: 3, initialDelayMs: 1_000, factor: 2, delayMaxMs: 60_000 },
          continueOnError: false,
          priority: 5,
          workingDirectory: "src",
          limits: { memoryBytes: 1_610_612_736, cpus: 0.5, processes: 20, logBytes: 2_097_152 },
          artifacts: ["dist", "report.xml"],
          stdin: ["v", { ref: "parameter", name: "version" }],
        },
        {
          name: "ship",
          needs: ["build"],
          finally: false,
          shell: "sh",
          script: "./ship",
          env: {
            VERSION: ["v", { ref: "parameter", name: "version" }],
            SHA: [{ ref: "output", job: "build", name: "sha" }],
            PLAIN: ["0644"],
          },
          secrets: { TOKEN: "NPM_TOKEN" },
          outputs: [],
          labels: { os: "linux", arch: "arm64" },
          killGraceMs: 10_000,
          retry: { attemptsMax: 5, initialDelayMs: 2_000, factor: 1.5, delayMaxMs: 60_000 },
          continueOnError: true,
          priority: 0,
          checkout: {
            repository: ["https://h/", { ref: "parameter", name: "target" }, ".git"],
            ref: [{ ref: "output", job: "build", name: "sha" }],
            depth: 0,
            submodules: "recursive",
            path: "app",
            username: "bot",
            token: "GIT_TOKEN",
          },
        },
        {
          name: "clean",
          needs: [],
          finally: true,
          shell: "sh",
          script: 'echo "${TROUPE_IN_NEEDS_SHIP_CONCLUSION}" "${TROUPE_IN_RUN_CONCLUSION}"',
          env: {
            VERSION: ["v", { ref: "parameter", name: "version" }],
            TROUPE_IN_NEEDS_SHIP_CONCLUSION: [{ ref: "conclusion", job: "ship" }],
            TROUPE_IN_RUN_CONCLUSION: [{ ref: "run", field: "conclusion" }],
          },
          secrets: { KEY: "KEY" },
          caches: [
            {
              key: [
                "k-",
                { ref: "agent", field: "os" },
                "-",
                { ref: "hash-files", patterns: ["lock", "sub/**"] },
              ],
              restoreKeys: [["k-", { ref: "agent", field: "arch" }], ["k-"]],
              paths: [".npm"],
            },
          ],
          checkout: { repository: ["git@h:app.git"], depth: 1, submodules: "none" },
          outputs: [],
          labels: {},
          killGraceMs: 10_000,
          retry: { attemptsMax: 1, initialDelayMs: 1_000, factor: 2, delayMaxMs: 60_000 },
          continueOnError: false,
          priority: 0,
        },
      ],
      outputs: { sha: [{ ref: "output", job: "build", name: "sha" }] },
    });
  });

  it("is named after its file when it has no name", () => {
    expect(read("jobs: { a: { run: x } }").name).toBe("demo");
    expect(readPipelineYaml("jobs: { a: { run: x } }", { file: "/x/.hidden&odd.yml" }).name).toBe(
      "hidden-odd",
    );
  });

  it("keeps a multi-line script as it is", () => {
    const { jobs } = read(
      "jobs:\n  a:\n    run: |\n      echo one\n\n        echo two\n    shell: bash\n",
    );
    expect(jobs[0]?.script).toBe("echo one\n\n  echo two\n");
  });

  it("takes $${{ for a plain ${{", () => {
    const { jobs } = read("jobs: { a: { run: 'echo $${{ run.id }} > x' } }");
    expect(jobs[0]?.script).toBe("echo ${{ run.id }} > x");
    expect(jobs[0]?.env).toEqual({});
  });

  it("writes text as it stands in the file: numbers keep their zeros", () => {
    const { jobs } = read(
      "jobs: { a: { run: x, env: { V: 1.10, M: 0644, T: true, D: 2026-01-01 } } }",
    );
    expect(jobs[0]?.env).toEqual({ V: ["1.10"], M: ["0644"], T: ["true"], D: ["2026-01-01"] });
  });

  it("merges maps by <<, what is said later wins, and ignores keys that begin with x-", () => {
    const { jobs } = read(`
x-slow: &slow { timeout: 1h, retry: 2 }
x-linux: &linux { labels: { os: linux }, timeout: 5m }
jobs:
  a: { <<: *slow, run: x, timeout: 2h }
  b: { <<: [*linux, *slow], run: x }
`);
    expect(
      jobs.map(({ timeoutMs, retry, labels }) => [timeoutMs, retry.attemptsMax, labels]),
    ).toEqual([
      [7_200_000, 3, {}],
      [300_000, 3, { os: "linux" }],
    ]);
  });

  it("gives a job's secret precedence over a variable of the whole pipeline", () => {
    const { jobs } = read("env: { TOKEN: none }\njobs: { a: { run: x, secrets: [TOKEN] } }");
    expect(jobs[0]).toMatchObject({ env: {}, secrets: { TOKEN: "TOKEN" } });
  });

  it("shows a fault of the shared env once, where it is written", () => {
    const result = checkPipelineYaml(
      "env:\n  A: ${{ parameters.nope }}\njobs: { a: { run: x }, b: { run: x } }",
      { file: "f.yaml" },
    );
    expect(result.ok ? [] : result.problems).toMatchObject([
      { code: "unknown-reference", position: { line: 2, column: 6 } },
    ]);
  });

  it("points at a hole in a value that is used through an alias where it is written", () => {
    const result = checkPipelineYaml(
      "x-env: &e\n  A: ${{ parameters.nope }}\njobs:\n  a:\n    env: *e\n    run: x\n",
      { file: "f.yaml" },
    );
    expect(result.ok ? [] : result.problems[0]?.position).toMatchObject({ line: 2, column: 6 });
  });

  it("reads files with CRLF, with a byte order mark, with comments everywhere", () => {
    const text = "\u{FEFF}# one\r\njobs: # two\r\n  a:\r\n    # three\r\n    run: echo # four\r\n";
    expect(read(text).jobs[0]?.script).toBe("echo");
  });
});

describe("a hostile file", () => {
  const problemsOf = (text: string) => {
    const result = checkPipelineYaml(text, { file: "f.yaml" });
    return result.ok ? [] : result.problems.map(({ code, message }) => `${code}: ${message}`);
  };

  it("is refused before it is parsed when it is too large", () => {
    expect(problemsOf(`# ${"x".repeat(limits.pipelineFileBytesMax)}`)).toEqual([
      "too-large: the file is too large",
    ]);
  });

  it("cannot nest without end", () => {
    expect(problemsOf(`a: ${"[".repeat(500_000)}`)).toEqual([
      "too-large: brackets are nested too deeply",
    ]);
    expect(problemsOf(`${"- ".repeat(100_000)}x`).length).toBeGreaterThan(0);
  });

  it("cannot unfold by aliases of aliases", () => {
    const lists = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? "x-0: &l0 { V: w }"
        : `x-${level}: &l${level}\n  <<: [${Array(9)
            .fill(`*l${level - 1}`)
            .join(", ")}]`,
    );
    const text = `${lists.join("\n")}\njobs: { a: { run: x, env: *l11 } }`;
    expect(problemsOf(text)).toEqual([
      "too-large: with all its aliases followed, the file is too large",
    ]);
  });

  it("cannot unfold by one anchor in very many jobs", () => {
    const env = Array.from({ length: 1_000 }, (_, i) => `  V${i}: x`).join("\n");
    const jobs = Array.from({ length: 2_000 }, (_, i) => `  j${i}: { env: *e, run: x }`).join("\n");
    expect(problemsOf(`x-e: &e\n${env}\njobs:\n${jobs}`)).toEqual([
      "too-large: with all its aliases followed, the file is too large",
    ]);
  });

  it("cannot merge a map into itself", () => {
    expect(problemsOf("x: &a\n  <<: &b\n    <<: *a\n    k: v\njobs: *a\n").length).toBeGreaterThan(
      0,
    );
    expect(problemsOf("jobs:\n  a: &a\n    <<: *a\n    run: x\n")).toEqual([]);
  });

  it("reports a bounded number of problems, and counts the rest", () => {
    const keys = Array.from({ length: 1_000 }, (_, i) => `k${i}: x`).join("\n");
    const problems = problemsOf(`${keys}\njobs: { a: { run: x } }`);
    expect(problems).toHaveLength(limits.pipelineProblemsMax + 1);
    expect(problems.at(-1)).toBe("too-large: there are 900 further problems");
  });

  it("is read in time that grows with its size, however many keys a map has", () => {
    const keys = Array.from({ length: 60_000 }, (_, i) => `k${i}:`).join("\n");
    expect(problemsOf(`${keys}\n`).length).toBe(limits.pipelineProblemsMax + 1);
  });

  it("cannot reach an object's prototype", () => {
    expect(problemsOf("jobs: { a: { run: x, env: { __proto__: evil } } }")).toEqual([
      'bad-name: "__proto__" cannot be the name of a variable',
    ]);
    expect(problemsOf("jobs: { __proto__: { run: x } }")).toEqual([
      'bad-name: "__proto__" cannot be the name of a job',
    ]);
    expect(problemsOf("jobs: { a: { run: 'echo ${{ parameters.constructor }}' } }")).toEqual([
      'unknown-reference: there is no parameter "constructor"',
    ]);
  });
});
