/** What a job keeps for later runs. */
import { limits } from "../../kernel/index.ts";
import type { CacheDefinition, JobDefinition, Template } from "../pipeline-definition.ts";
import { type ProblemList, type ProblemPath, quoted } from "../problem.ts";
import { isWithinFolder } from "./names.ts";

export function checkCaches({ caches }: JobDefinition, index: number, problems: ProblemList): void {
  if (caches === undefined) return;
  const path = ["jobs", index, "caches"];
  if (caches.length > limits.jobCachesMax) {
    problems.add({
      code: "too-large",
      path,
      message: "the job has too many caches",
      expected: `at most ${limits.jobCachesMax}`,
      received: `${caches.length}`,
      advice: "put several paths under one key",
    });
    return;
  }
  caches.forEach((cache, at) => {
    checkKeys(cache, [...path, at], problems);
    checkPaths(cache, [...path, at], problems);
  });
}

function checkKeys(
  { key, restoreKeys }: CacheDefinition,
  path: ProblemPath,
  problems: ProblemList,
): void {
  checkKey(key, [...path, "key"], problems);
  restoreKeys.forEach((each, at) => checkKey(each, [...path, "restoreKeys", at], problems));
  if (restoreKeys.length <= limits.cacheRestoreKeysMax) return;
  problems.add({
    code: "too-large",
    path: [...path, "restoreKeys"],
    message: "the cache has too many restore-keys",
    expected: `at most ${limits.cacheRestoreKeysMax}`,
    received: `${restoreKeys.length}`,
    advice: "keep the shortest ones: each stands for all keys that begin with it",
  });
}

function checkKey(template: Template, path: ProblemPath, problems: ProblemList): void {
  const fixed = template.filter((part) => typeof part === "string").join("");
  const isEmpty = template.length === 0 || (fixed.trim() === "" && template.every(isText));
  for (const part of template) {
    if (isText(part) || part.ref !== "hash-files" || part.patterns.every(isPattern)) continue;
    problems.add({
      code: "bad-value",
      path,
      message: "a pattern of hashFiles leads out of the attempt's own folder",
      expected: "patterns such as package-lock.json or packages/**/package.json",
      received: part.patterns.map(quoted).join(", "),
      advice: "name files as they are seen from the folder where the script begins, without ..",
    });
  }
  if (!isEmpty && fixed.length <= limits.cacheKeyCharactersMax && !/\p{Cc}/u.test(fixed)) return;
  problems.add({
    code: isEmpty ? "bad-value" : "too-large",
    path,
    message: isEmpty ? "the key of the cache is empty" : "this cannot be the key of a cache",
    expected: `1 to ${limits.cacheKeyCharactersMax} characters of one line`,
    received: isEmpty ? quoted(fixed) : `${fixed.length} characters`,
    advice: "name what is in it, for example npm-${{ hashFiles('package-lock.json') }}",
  });
}

function isText(part: Template[number]): part is string {
  return typeof part === "string";
}

function isPattern(pattern: string): boolean {
  return isWithinFolder(pattern.replace(/^!/, ""));
}

function checkPaths({ paths }: CacheDefinition, path: ProblemPath, problems: ProblemList): void {
  if (paths.length === 0 || paths.length > limits.jobArtifactsMax) {
    problems.add({
      code: "bad-value",
      path: [...path, "paths"],
      message: "the cache keeps nothing, or too much to name",
      expected: `1 to ${limits.jobArtifactsMax} files or folders`,
      received: `${paths.length}`,
      advice: "name the folder that holds what is to be kept",
    });
  }
  paths.forEach((each, at) => {
    if (isWithinFolder(each)) return;
    problems.add({
      code: "bad-value",
      path: [...path, "paths", at],
      message: `${quoted(each)} cannot be cached`,
      expected: "a path within the attempt's own folder, such as .npm or target",
      received: quoted(each),
      advice: "let the tool keep its files there, for example by npm_config_cache: .npm under env",
    });
  });
}
