/** `checkout:` of a job: a repository's address, or a map in the habits of GitHub's checkout action. */
import { isMap, isScalar, isSeq } from "yaml";
import { submodulesOf } from "../build-job.ts";
import { definitionDefaults } from "../definition-defaults.ts";
import type { CheckoutDefinition, Submodules } from "../pipeline-definition.ts";
import type { ProblemPath } from "../problem.ts";
import { readTemplate } from "./read-template.ts";
import type { Entry, YamlReader } from "./yaml-reader.ts";

const keys = ["repository", "ref", "depth", "submodules", "path", "username", "token"] as const;

const hints = {
  "fetch-depth": "write depth:",
  url: "write repository:",
  uri: "write repository:",
  branch: "write ref:",
  tag: "write ref:",
  commit: "write ref:",
  sha: "write ref:",
  revision: "write ref:",
  password: "write token: with the name of a secret",
  secret: "write token: with the name of a secret",
  "ssh-key": "give the agent's user a key: git reads it with ssh",
  "persist-credentials": "remove it: the token never reaches the script",
  lfs: "remove it, and write git lfs pull in the script",
};

export function readCheckout(
  reader: YamlReader,
  checkout: Entry | undefined,
  path: ProblemPath,
): CheckoutDefinition | undefined {
  if (checkout === undefined) return undefined;
  const defaults = definitionDefaults.checkout;
  const what = "the address of a repository, or a map with repository:";
  if (isSeq(checkout.value.node)) return reader.wrongType(checkout.value, what);
  if (!isMap(checkout.value.node)) {
    const repository = noted(reader, checkout, [...path, "repository"]);
    return repository === undefined ? undefined : { ...defaults, repository };
  }
  const fields = reader.fields(checkout.value, what, { keys, hints });
  if (fields === undefined) return undefined;
  if (fields.repository === undefined) {
    return reader.fault(checkout.key, {
      code: "missing-key",
      message: "the checkout has no repository",
      expected: "repository: with its address",
      received: "a map without repository:",
      advice: "add repository:, for example repository: https://git.example.org/team/app.git",
    });
  }
  const repository = noted(reader, fields.repository, [...path, "repository"]);
  const ref = noted(reader, fields.ref, [...path, "ref"]);
  const plain = (entry: Entry | undefined, name: string, text: string): string | undefined => {
    if (entry === undefined) return undefined;
    reader.note([...path, name], entry.value);
    return reader.plainText(entry.value, text);
  };
  const depth = fields.depth;
  if (depth !== undefined) reader.note([...path, "depth"], depth.value);
  const folder = plain(fields.path, "path", "a folder");
  const username = plain(fields.username, "username", "a name");
  const token = plain(fields.token, "token", "the name of a secret");
  if (repository === undefined) return undefined;
  return {
    repository,
    ...(ref === undefined ? {} : { ref }),
    depth:
      (depth && reader.number(depth.value, "a number of commits, 0 for all")) ?? defaults.depth,
    submodules: readSubmodules(reader, fields.submodules) ?? defaults.submodules,
    ...(folder === undefined ? {} : { path: folder }),
    ...(username === undefined ? {} : { username }),
    ...(token === undefined ? {} : { token }),
  };
}

function noted(reader: YamlReader, entry: Entry | undefined, path: ProblemPath) {
  if (entry === undefined) return undefined;
  reader.note(path, entry.value);
  return readTemplate(reader, entry.value, path);
}

function readSubmodules(reader: YamlReader, entry: Entry | undefined): Submodules | undefined {
  if (entry === undefined) return undefined;
  const { node } = entry.value;
  if (isScalar(node) && node.value === "recursive") return "recursive";
  if (isScalar(node) && typeof node.value === "boolean") return submodulesOf(node.value);
  return reader.wrongType(entry.value, "true, false or recursive");
}
