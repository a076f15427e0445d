/** What compiles, and what does not: each `@ts-expect-error` fails the type check if its line is fine. */
import { describe, expectTypeOf, it } from "vitest";
import {
  definePipeline,
  type ExpressionOf,
  type Job,
  type OutputsOf,
  type ParametersOf,
  type Pipeline,
  sh,
  template,
} from "../../src/actors/pipelines/index.ts";

const parameters = {
  version: { type: "string" },
  count: { type: "number", default: 3 },
  debug: { type: "boolean", required: false },
  target: { type: "choice", of: ["staging", "production"] },
} as const;

/** Compiled, never run: most of it could not. */
const compiles = (_body: () => void): void => {};

describe("types of a pipeline", () => {
  it("know the outputs of a job", () =>
    compiles(() => {
      definePipeline("p", (pipeline) => {
        const checkout = pipeline.job("checkout", { run: "x", outputs: ["sha", "tag"] });
        expectTypeOf(checkout.outputs.sha).toEqualTypeOf<ExpressionOf<string>>();
        // @ts-expect-error: Property 'shaa' does not exist
        void checkout.outputs.shaa;
        const plain = pipeline.job("plain", { run: "x" });
        expectTypeOf(plain).toEqualTypeOf<Job<never, false>>();
        // @ts-expect-error: it has no outputs
        void plain.outputs.sha;
      });
    }));

  it("know which jobs there are: a misspelt, a later and a named job are no needs", () =>
    compiles(() => {
      definePipeline("p", (pipeline) => {
        const build = pipeline.job("build", { run: "x" });
        pipeline.job("a", { needs: [build], run: "x" });
        // @ts-expect-error: Cannot find name 'biuld'
        pipeline.job("b", { needs: [biuld], run: "x" });
        // @ts-expect-error: a name is not a job
        pipeline.job("c", { needs: ["build"], run: "x" });
        // @ts-expect-error: used before its declaration
        pipeline.job("d", { needs: [later], run: "x" });
        const later = pipeline.job("later", { run: "x" });
      }) satisfies Pipeline;
    }));

  it("keep ordinary and finally jobs apart", () =>
    compiles(() => {
      definePipeline("p", (pipeline) => {
        const build = pipeline.job("build", { run: "x" });
        const clean = pipeline.job("clean", { finally: true, run: "x" });
        pipeline.job("report", { finally: true, needs: [clean], run: "x" });
        // @ts-expect-error: an ordinary job cannot wait for a finally job
        pipeline.job("a", { needs: [clean], run: "x" });
        // @ts-expect-error: a finally job comes after all ordinary ones anyway
        pipeline.job("b", { finally: true, needs: [build], run: "x" });
      });
    }));

  it("know the parameters, in the definition and at the start of a run", () =>
    compiles(() => {
      definePipeline("p", { parameters }, (pipeline) => {
        expectTypeOf(pipeline.parameters.target).toEqualTypeOf<
          ExpressionOf<"staging" | "production">
        >();
        expectTypeOf(pipeline.parameters.count).toEqualTypeOf<ExpressionOf<number>>();
        // @ts-expect-error: Property 'versoin' does not exist
        void pipeline.parameters.versoin;
      });
      expectTypeOf<ParametersOf<typeof parameters>>().branded.toEqualTypeOf<{
        readonly version: string;
        readonly target: "staging" | "production";
        readonly count?: number;
        readonly debug?: boolean;
      }>();
    }));

  it("know the outputs of the run", () =>
    compiles(() => {
      const release = definePipeline("p", (pipeline) => {
        const ship = pipeline.job("ship", { run: "x", outputs: ["url"] });
        return { url: ship.outputs.url, both: template`${ship.outputs.url}/${ship.conclusion}` };
      });
      expectTypeOf<OutputsOf<typeof release>>().branded.toEqualTypeOf<{
        readonly url: string;
        readonly both: string;
      }>();
    }));

  it("know the options of a job", () =>
    compiles(() => {
      definePipeline("p", (pipeline) => {
        // @ts-expect-error: it must do something
        pipeline.job("a", {});
        // @ts-expect-error: no such shell
        pipeline.job("b", { run: "x", shell: "perl" });
        // @ts-expect-error: no such option
        pipeline.job("c", { run: "x", timeout: 5 });
        // @ts-expect-error: attemptsMax is missing
        pipeline.job("d", { run: "x", retry: { factor: 2 } });
        // @ts-expect-error: a secret is a variable of a job, not a text
        pipeline.job("e", { run: pipeline.secret("KEY") });
        pipeline.job("f", { run: sh`echo ${pipeline.secret("KEY")} ${5} ${true}` });
        // @ts-expect-error: a job is not a value
        pipeline.job("g", { run: sh`echo ${pipeline.job("h", { run: "x" })}` });
        // @ts-expect-error: a secret cannot stand in a text that is stored
        void template`${pipeline.secret("KEY")}`;
      });
      // @ts-expect-error: a secret cannot be a variable of the whole pipeline
      definePipeline("p", { env: { A: { secret: "KEY" } } }, () => {});
      // @ts-expect-error: no such type of parameter
      definePipeline("p", { parameters: { a: { type: "integer" } } }, () => {});
      // @ts-expect-error: a choice needs its choices
      definePipeline("p", { parameters: { a: { type: "choice" } } }, () => {});
    }));
});
