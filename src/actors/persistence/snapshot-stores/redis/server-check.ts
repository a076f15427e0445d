/** Whether a Redis server is fit to keep snapshots, judged by what its INFO says. */

/** The oldest version whose scripts and lazy deletion are used. */
const VERSION_MIN = [6, 0, 0] as const;

export interface ServerProblem {
  readonly expected: string;
  readonly got: string;
  readonly advice: string;
}

/** The first reason why the server must not be used; undefined = it may. */
export function serverProblem(
  info: string,
  { asCluster }: { readonly asCluster: boolean },
): ServerProblem | undefined {
  const facts = factsOf(info);
  const version = facts.get("redis_version") ?? "unknown";
  if (!isRecent(version)) {
    const expected = `Redis ${VERSION_MIN.join(".")} or newer`;
    return { expected, got: `version ${version}`, advice: "Upgrade the server" };
  }
  const mode = facts.get("redis_mode");
  if ((mode === "cluster") !== asCluster) {
    return asCluster
      ? notACluster(`redis_mode:${mode}`)
      : {
          expected: "one server, as url was given",
          got: "a node of a Redis Cluster",
          advice: "Give the addresses of the cluster as urls",
        };
  }
  const role = facts.get("role");
  if (role !== undefined && role !== "master") {
    const advice = "Give the address of its primary";
    return { expected: "a server that takes writes", got: `a replica (role:${role})`, advice };
  }
  return policyProblem(facts.get("maxmemory_policy"));
}

export function notACluster(got: string): ServerProblem {
  const expected = "nodes of a Redis Cluster, as urls were given";
  return { expected, got, advice: "Give the one server as url" };
}

/**
 * An evicting server drops the manifest of a snapshot and keeps its body, for ever, or the other
 * way round; and it would drop whatever else of this system is kept there.
 */
function policyProblem(policy: string | undefined): ServerProblem | undefined {
  if (policy === "noeviction") return undefined;
  return {
    expected: "maxmemory-policy noeviction",
    got: policy ?? "no maxmemory_policy in its INFO",
    advice: `Run: redis-cli CONFIG SET maxmemory-policy noeviction (and set it in its redis.conf)`,
  };
}

function factsOf(info: string): ReadonlyMap<string, string> {
  const facts = new Map<string, string>();
  for (const line of info.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0) facts.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return facts;
}

function isRecent(version: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [index, least] of VERSION_MIN.entries()) {
    const part = parts[index] ?? 0;
    if (!(part >= least)) return false;
    if (part > least) return true;
  }
  return true;
}
