/** What a job checks out, as far as it is known before a run: the agent looks again at what holes are filled with. */
import type { CheckoutDefinition, JobDefinition, Template } from "../pipeline-definition.ts";
import { type ProblemList, type ProblemPath, quoted } from "../problem.ts";
import { badName, isName, isWithinFolder } from "./names.ts";
import { isWithin, type NumberRule, outOfBounds } from "./numbers.ts";

export function checkCheckout(job: JobDefinition, index: number, problems: ProblemList): void {
  const { checkout } = job;
  if (checkout === undefined) return;
  const path = ["jobs", index, "checkout"];
  checkRepository(checkout, path, problems);
  checkRef(checkout, path, problems);
  if (!isWithin(checkout.depth, depth)) {
    problems.add(outOfBounds(checkout.depth, depth, [...path, "depth"]));
  }
  checkFolder(checkout, path, problems);
  checkToken(checkout, path, problems);
}

const depth: NumberRule = { what: "the depth", min: 0, max: 2 ** 31 - 1, whole: true };

const address = /^(https?|ssh|git):\/\/[^/\s]/;
const shortAddress = /^[\w][\w.-]*@[\w][\w.-]*:(?![:-])[^\s]/;

function checkRepository(
  { repository }: CheckoutDefinition,
  path: ProblemPath,
  problems: ProblemList,
): void {
  const text = fixedText(repository);
  // Whole where it has no holes; else what stands before the first one, if anything does.
  const known = text ?? (typeof repository[0] === "string" ? repository[0] : undefined);
  if (known === undefined) return;
  const shown = quoted(known.replace(/:\/\/[^/@]*@/, "://***@"));
  if (/^\w+:\/\/[^/@]*:[^/@]*@/.test(known)) {
    problems.add({
      code: "bad-value",
      path: [...path, "repository"],
      message: "the repository's address holds a password, which would stand in the journal",
      expected: "an address without one",
      received: shown,
      advice: "take it out, and name a secret under token:",
    });
    return;
  }
  const fits = address.test(known) || shortAddress.test(known);
  if (fits || (text === undefined && beginsAddress(known))) return;
  problems.add({
    code: "bad-value",
    path: [...path, "repository"],
    message: `${shown} is not the address of a repository`,
    expected: "https://…, ssh://…, git://… or git@host:path",
    received: shown,
    advice: "write its whole address, as git clone takes it",
  });
}

/** May what follows, in a hole, make it one? */
function beginsAddress(text: string): boolean {
  const schemes = ["https://", "http://", "ssh://", "git://"];
  return schemes.some((scheme) => scheme.startsWith(text)) || /^\w[\w.-]*(@[\w.-]*)?$/.test(text);
}

/** Of a branch or tag as git allows it, and nothing that git would take for an option or a list of refs. */
function checkRef({ ref }: CheckoutDefinition, path: ProblemPath, problems: ProblemList): void {
  const text = ref === undefined ? undefined : fixedText(ref);
  if (text === undefined || /^(?![-+/])(?!.*(\.\.|@\{))[^\s~^:?*[\\\p{Cc}]{1,255}$/u.test(text))
    return;
  problems.add({
    code: "bad-value",
    path: [...path, "ref"],
    message: `${quoted(text)} cannot be the name of a branch, a tag or a commit`,
    expected: "a name such as main, v1.4.0, refs/pull/7/head, or a commit's id",
    received: quoted(text),
    advice: text === "" ? "remove ref: to get the default branch" : "write it as git shows it",
  });
}

function checkFolder(
  { path: folder }: CheckoutDefinition,
  path: ProblemPath,
  problems: ProblemList,
): void {
  if (folder === undefined || isWithinFolder(folder)) return;
  problems.add({
    code: "bad-value",
    path: [...path, "path"],
    message: `nothing can be checked out into ${quoted(folder)}`,
    expected: "a folder within the attempt's own, such as source/app",
    received: quoted(folder),
    advice: "name it as it is seen from the folder where the script begins, without ..",
  });
}

function checkToken(
  { username, token }: CheckoutDefinition,
  path: ProblemPath,
  problems: ProblemList,
): void {
  if (token !== undefined && !isName("secret", token)) {
    problems.add(badName("secret", token, [...path, "token"]));
  }
  if (username === undefined || (token !== undefined && /^[^\p{Cc}:]{1,255}$/u.test(username)))
    return;
  problems.add({
    code: "bad-value",
    path: [...path, "username"],
    message: `${quoted(username)} cannot be used`,
    expected: "a user name of one line without a colon, beside token: with the name of a secret",
    received: quoted(username),
    advice: token === undefined ? "add token:, or remove username:" : "correct it",
  });
}

/** undefined = it has holes. */
function fixedText(template: Template): string | undefined {
  const texts = template.filter((part) => typeof part === "string");
  return texts.length === template.length ? texts.join("") : undefined;
}
