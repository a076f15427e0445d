/** The key of a cache, from its parts and what only the agent knows. */
import { arch, platform } from "node:os";
import { AgentFact, type CacheKey } from "../../proto/troupe/agent/v1/agent.ts";
import { hashFiles } from "./hash-files.ts";
import { agentLimits } from "./limits.ts";

/** This cache cannot be used: a clause for the job's log. */
export class CacheKeyProblem extends Error {}

export async function cacheKey(
  { parts }: CacheKey,
  folder: string,
  stopped: AbortSignal,
): Promise<string> {
  let key = "";
  for (const { part } of parts) {
    if (part?.$case === "text") key += part.value;
    else if (part?.$case === "agent") key += part.value === AgentFact.OS ? platform() : arch();
    else if (part?.$case === "hashFiles") {
      const { patterns } = part.value;
      const hash = await hashFiles(folder, patterns, stopped);
      if (hash === undefined) throw new CacheKeyProblem(`no file matches ${patterns.join(", ")}`);
      key += hash;
    } else throw new CacheKeyProblem("its key has a part that this agent does not know");
  }
  if (key === "" || /\p{Cc}/u.test(key)) throw new CacheKeyProblem("its key is not one line");
  const bytes = Buffer.byteLength(key);
  if (bytes <= agentLimits.cacheKeyBytesMax) return key;
  throw new CacheKeyProblem(`its key takes ${bytes} bytes of ${agentLimits.cacheKeyBytesMax}`);
}
