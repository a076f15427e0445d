import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bindHoles,
  holeVariable,
  type ScriptHole,
} from "../../../src/actors/pipelines/script-holes.ts";

const hole = (key: string): ScriptHole => ({ key, variable: holeVariable(key) });

function bind(parts: readonly (string | ScriptHole)[], shell: "sh" | "bash" = "sh") {
  return bindHoles(parts, { shell, taken: new Set() });
}

/** Runs the bound script in the real shell, with `value` in every variable. */
function run(
  parts: readonly (string | ScriptHole)[],
  value: string,
  shell: "sh" | "bash" = "sh",
): string {
  const { script, variables } = bind(parts, shell);
  const env = Object.fromEntries([...variables.keys()].map((name) => [name, value]));
  const result = spawnSync(shell, ["-eu", "-c", script], {
    env: { PATH: process.env["PATH"], ...env },
    encoding: "utf8",
    // bash takes a socket as its input for a remote login, and reads its start-up files.
    stdio: ["ignore", "pipe", "pipe"],
  });
  expect(result.stderr).toBe("");
  expect(result.status).toBe(0);
  return result.stdout;
}

const nasty = `a  b 'c' "d" $HOME $(echo pwned) \`echo pwned\` \\n * ; echo pwned #`;
const x = hole("parameters.x");

describe("holes of a script", () => {
  it.each([
    ["a word", ["printf %s ", x]],
    ["a part of a word", ["printf %s pre", x, "post"]],
    ["double quotes", ['printf %s "', x, '"']],
    ["single quotes", ["printf %s '", x, "'"]],
    ["within double quotes", ['printf %s "<', x, '>"']],
    ["within single quotes", ["printf %s '<", x, ">'"]],
    ["a command substitution", ['printf %s "$(printf %s ', x, ')"']],
    ["quotes in a command substitution in quotes", ['printf %s "$(printf %s "', x, '")"']],
    ["backquotes", ['printf %s "`printf %s ', x, '`"']],
    ["a default value", ['printf %s "${NONE:-', x, '}"']],
    ["a default value without quotes", ["printf %s ${NONE:-", x, "}"]],
    ["behind a comment with a quote", ["# it's a comment\nprintf %s ", x]],
    ["behind a # that is no comment", ["A=a#'b'; printf %s ", x]],
    ["behind escaped quotes", [String.raw`B=\'\"; printf %s `, x]],
    ["behind a closed here-document", ["cat <<'END' >/dev/null\nit's $(\nEND\nprintf %s ", x]],
    [
      "behind two here-documents",
      ["cat <<A >/dev/null; cat <<-'B' >/dev/null\n'\nA\n\t\"\n\tB\nprintf %s ", x],
    ],
    ["behind arithmetic", ["C=$(( (1 + 2) * 3 )); printf %s ", x]],
    ["in a subshell", ["(printf %s ", x, ")"]],
    ["in an assignment", ["V=", x, '; printf %s "$V"']],
    ["on a continued line", ["printf %s \\\n", x]],
  ] satisfies [string, (string | ScriptHole)[]][])("pass one plain value: %s", (_where, parts) => {
    const before = parts.some((part) => typeof part === "string" && part.includes("pre"))
      ? "pre"
      : "";
    const after = before === "" ? "" : "post";
    const angle = parts.some(
      (part) => typeof part === "string" && part.includes("<") && !part.includes("<<"),
    );
    const expected = angle ? `<${nasty}>` : `${before}${nasty}${after}`;
    expect(run(parts, nasty, "sh")).toBe(expected);
    expect(run(parts, nasty, "bash")).toBe(expected);
  });

  it("pass one plain value in bash's $'…' and here-strings", () => {
    expect(run(["printf %s $'<", x, ">\\n'"], nasty, "bash")).toBe(`<${nasty}>\n`);
    expect(run(["cat <<< ", x], nasty, "bash")).toBe(`${nasty}\n`);
  });

  it("are expanded in a here-document, and reported in one with a quoted delimiter", () => {
    expect(run(["cat <<END\n", x, "\nEND\n"], nasty)).toBe(`${nasty}\n`);
    const { misplaced, script } = bind(['cat <<"END"\n', x, "\nEND\necho ", x]);
    expect(misplaced).toEqual([{ hole: x, why: "literal-here-document" }]);
    expect(script).toContain('echo "${TROUPE_IN_PARAMETERS_X}"');
  });

  it("compute in arithmetic", () => {
    expect(run(["echo $(( ", x, " * 2 ))"], "21")).toBe("42\n");
  });

  it("share a variable when they mean the same, and have their own when only the names agree", () => {
    const [dash, line] = [hole("parameters.a-b"), hole("parameters.a_b")];
    const { variables, script } = bind(["echo ", dash, " ", line, " ", dash]);
    expect([...variables.keys()]).toEqual([
      "TROUPE_IN_PARAMETERS_A_B",
      "TROUPE_IN_PARAMETERS_A_B_2",
    ]);
    expect(script).toBe(
      'echo "${TROUPE_IN_PARAMETERS_A_B}" "${TROUPE_IN_PARAMETERS_A_B_2}" "${TROUPE_IN_PARAMETERS_A_B}"',
    );
  });

  it("never take a variable that the job has", () => {
    const taken = new Set(["TROUPE_IN_PARAMETERS_X"]);
    expect(bindHoles(["echo ", x], { shell: "sh", taken }).script).toBe(
      'echo "${TROUPE_IN_PARAMETERS_X_2}"',
    );
  });

  it("never let a value become code, whatever stands around them", () => {
    const piece = fc.constantFrom(
      "'",
      '"',
      "\\",
      "$",
      "(",
      ")",
      "{",
      "}",
      "`",
      "#",
      "\n",
      " ",
      "<<E",
      "E",
      ";",
      "a",
      "$((",
      "${A:-",
      "|",
      "&",
    );
    const around = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(
        around,
        around,
        fc.constantFrom("sh" as const, "bash" as const),
        (before, after, shell) => {
          const { script, variables } = bind([before, x, after], shell);
          const env = Object.fromEntries(
            [...variables.keys()].map((name) => [name, "$(echo pwned)`echo pwned`;echo pwned"]),
          );
          const { stdout, stderr } = spawnSync(shell, ["-c", script], {
            env,
            encoding: "utf8",
            timeout: 5_000,
            stdio: ["ignore", "pipe", "pipe"],
          });
          // As text the value may come out; run, it would have lost the "echo".
          const said = (stdout + stderr).replaceAll("echo pwned", "");
          expect(said).not.toContain("pwned");
        },
      ),
      { numRuns: 300 },
    );
  });
});
