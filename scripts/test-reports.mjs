/** What vitest's JSON reports in a folder tell, added up. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * @param {string} folder
 * @param {readonly string[]} names those that count, if they are there; default: all
 * @returns {{ passed: number, failed: number, failures: readonly string[] }}
 */
export function readTestReports(folder, names) {
  const reports = readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => ({ file, name: file.slice(0, -".json".length) }))
    .filter(({ name }) => names === undefined || names.includes(name))
    .map(({ file, name }) => ({ ...JSON.parse(readFileSync(join(folder, file), "utf8")), name }));
  const total = (count) => reports.reduce((sum, report) => sum + report[count], 0);
  return {
    passed: total("numPassedTests"),
    failed: total("numFailedTests"),
    failures: reports.flatMap(({ name, testResults }) =>
      testResults.flatMap((file) => failuresOf(file).map((failure) => `${name}: ${failure}`)),
    ),
  };
}

/** A file that could not be run has a message and no tests. */
function failuresOf({ name, message, assertionResults }) {
  const tests = assertionResults.filter(({ status }) => status === "failed");
  if (tests.length === 0) return message ? [`${name}\n${message}`] : [];
  return tests.map(
    ({ fullName, failureMessages }) =>
      `${name}\n  ${fullName}\n${firstLines(failureMessages.join("\n"))}`,
  );
}

function firstLines(text) {
  return text.split("\n").slice(0, 15).join("\n");
}

/** Arguments for a vitest that prints as usual and leaves a report of this name in the folder. */
export function reportArguments(folder, name) {
  return ["--reporter=default", "--reporter=json", `--outputFile=${join(folder, `${name}.json`)}`];
}
