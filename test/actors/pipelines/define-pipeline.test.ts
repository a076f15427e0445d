import { describe, expect, it } from "vitest";
import { isTroupeError } from "../../../src/actors/kernel/index.ts";
import {
  definePipeline,
  hashFiles,
  isPipeline,
  readPipelineYaml,
  sh,
  template,
} from "../../../src/actors/pipelines/index.ts";

function problemsOf(define: () => unknown): string[] {
  try {
    define();
  } catch (error) {
    if (isTroupeError(error, "TROUPE_PIPELINE_INVALID")) {
      return error.details.problems.map(({ code, message }) => `${code}: ${message}`);
    }
    throw error;
  }
  return [];
}

describe("definePipeline", () => {
  it("makes the same data as a YAML file that says the same", () => {
    const release = definePipeline(
      "release",
      {
        parameters: {
          version: { type: "string" },
          target: { type: "choice", of: ["staging", "production"], default: "staging" },
        },
        env: { COLOR: 1 },
        timeoutMs: 3_600_000,
        parallelMax: 2,
        failFast: true,
      },
      (pipeline) => {
        const checkout = pipeline.job("checkout", { run: "git rev-parse HEAD", outputs: ["sha"] });
        const ship = pipeline.job("ship", {
          needs: [checkout],
          env: {
            TOKEN: pipeline.secret("NPM_TOKEN"),
            TAG: template`v${pipeline.parameters.version}-${checkout.outputs.sha}`,
          },
          run: sh`./ship ${pipeline.parameters.target} '${checkout.outputs.sha}'`,
          checkout: {
            repository: template`https://h/${pipeline.parameters.target}`,
            ref: checkout.outputs.sha,
            submodules: true,
            token: pipeline.secret("GIT_TOKEN"),
          },
          cache: {
            key: template`npm-${pipeline.agent.os}-${hashFiles("lock", "!x/**")}`,
            restoreKeys: [template`npm-${pipeline.agent.arch}`, "npm-"],
            paths: [".npm"],
          },
          retry: { attemptsMax: 3 },
          outputs: ["url"],
        });
        pipeline.job("mail", {
          finally: true,
          run: sh`mail ${ship.conclusion} ${pipeline.run.id}`,
        });
        return { url: ship.outputs.url };
      },
    );
    const yaml = readPipelineYaml(
      `
name: release
parameters:
  version: { type: string }
  target: { type: choice, options: [staging, production], default: staging }
env: { COLOR: "1" }
timeout: 1h
parallel: 2
fail-fast: true
jobs:
  checkout: { run: git rev-parse HEAD, outputs: [sha] }
  ship:
    needs: checkout
    secrets: { TOKEN: NPM_TOKEN }
    env: { TAG: "v\${{ parameters.version }}-\${{ needs.checkout.outputs.sha }}" }
    checkout:
      repository: https://h/\${{ parameters.target }}
      ref: \${{ needs.checkout.outputs.sha }}
      submodules: true
      token: GIT_TOKEN
    cache:
      key: npm-\${{ agent.os }}-\${{ hashFiles('lock', '!x/**') }}
      restore-keys: ["npm-\${{ agent.arch }}", npm-]
      paths: [.npm]
    run: ./ship \${{ parameters.target }} '\${{ needs.checkout.outputs.sha }}'
    retry: 2
    outputs: [url]
  mail:
    finally: true
    run: mail \${{ needs.ship.conclusion }} \${{ run.id }}
outputs: { url: "\${{ needs.ship.outputs.url }}" }
`,
      { file: "release.yaml" },
    );
    expect(release.definition).toEqual(yaml);
    expect(JSON.parse(JSON.stringify(release.definition))).toEqual(yaml);
  });

  it("puts values of code, expressions and secrets into variables of a script", () => {
    const { definition } = definePipeline("p", (pipeline) => {
      const quote = `it's "quoted"`;
      pipeline.job("a", {
        run: sh`echo ${quote} ${7} ${quote} ${pipeline.secret("KEY")} \n \`date\``,
      });
    });
    expect(definition.jobs[0]).toMatchObject({
      script:
        'echo "${TROUPE_IN_VALUE}" "${TROUPE_IN_VALUE_2}" "${TROUPE_IN_VALUE}" "${KEY}" \\n `date`',
      env: { TROUPE_IN_VALUE: [`it's "quoted"`], TROUPE_IN_VALUE_2: ["7"] },
      secrets: { KEY: "KEY" },
    });
  });

  it("gives frozen data, and can be told from other values", () => {
    const pipeline = definePipeline("p", (p) => void p.job("a", { run: "true" }));
    expect(Object.isFrozen(pipeline.definition.jobs[0]?.retry)).toBe(true);
    expect(isPipeline(pipeline)).toBe(true);
    expect([null, {}, pipeline.definition, "p"].some(isPipeline)).toBe(false);
  });

  it("refuses to make text of a value that is not known yet", () => {
    definePipeline("p", { parameters: { v: { type: "string" } } }, (pipeline) => {
      const a = pipeline.job("a", { run: "true", outputs: ["sha"] });
      expect(() => String(a.outputs.sha)).toThrow(
        /needs\.a\.outputs\.sha is not known .* use sh`…`/,
      );
      expect(() => String(pipeline.parameters.v)).toThrow(/parameters\.v is not known/);
      expect(() => String(pipeline.secret("KEY"))).toThrow(/the secret "KEY" is not known/);
      expect(() => String(sh`echo`)).toThrow(/give it to run: as it is/);
      expect(() => String(template`x`)).toThrow(/give it to env:/);
    });
  });

  it("names everything that is wrong at once, by the same rules as for a file", () => {
    const problems = problemsOf(() =>
      definePipeline("p", { parallelMax: 0 }, (pipeline) => {
        const a = pipeline.job("a b", { run: "" });
        pipeline.job("c", { needs: [a, a], run: "x", env: { "X-Y": "1" } });
        pipeline.job("c", { run: "x" });
      }),
    );
    expect(problems).toEqual([
      "bad-value: the number of parallel jobs is out of bounds",
      'bad-name: "a b" cannot be the name of a job',
      'bad-value: job "a b" has nothing to run',
      'bad-name: "X-Y" cannot be the name of a variable',
      'duplicate: two jobs are named "c"',
      'bad-need: job "c" needs "a b" twice',
    ]);
  });

  it("refuses what only JavaScript can do: a job of another pipeline, text, nothing", () => {
    let foreign: unknown;
    definePipeline("one", (pipeline) => {
      foreign = pipeline.job("a", { run: "true" });
    });
    const needs = [foreign, "a", undefined] as never;
    const problems = problemsOf(() =>
      definePipeline("two", (pipeline) => {
        pipeline.job("a", { run: "true" });
        pipeline.job("b", { run: "true", needs });
      }),
    );
    const mistake = 'bad-need: job "b" needs something that is not a job of this pipeline';
    expect(problems.slice(0, 3)).toEqual([mistake, mistake, mistake]);
  });

  it("refuses an async definition, and holes where values could become code", () => {
    expect(() => definePipeline("p", (async () => {}) as never)).toThrow(/do not await in it/);
    const problems = problemsOf(() =>
      definePipeline("p", (pipeline) => {
        pipeline.job("py", { shell: "python", run: sh`print(${"x"})` });
        pipeline.job("here", { run: sh`cat <<'END'\n`, needs: [] });
        pipeline.job("blind", {
          run: sh`cat <<'END'
${pipeline.run.id}
END`,
        });
      }),
    );
    expect(problems).toEqual([
      'bad-expression: the script of "py" is for python and cannot have holes, because values could become code',
      'bad-expression: in the script of "blind", a hole stands in a here-document whose delimiter is quoted, where the shell expands nothing',
    ]);
  });
});
