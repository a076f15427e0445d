import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const version = "1.2.1";

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>troupe</groupId>
  <artifactId>pekko-for-benchmarks</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.pekko</groupId>
      <artifactId>pekko-actor-typed_2.13</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`;

/** The folder of package.json, whether this runs from source or built. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) {
    folder = dirname(folder);
  }
  return folder;
}

function run(command: string, args: readonly string[], cwd: string): string | undefined {
  const result = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (result.error !== undefined) return `${command}: ${result.error.message}`;
  if (result.status === 0) return undefined;
  return `${command} ended with ${result.status}: ${(result.stderr || result.stdout).slice(-500)}`;
}

/** Fetches the jars from Maven Central, once. Returns what went wrong. */
function fetchJars(jars: string): string | undefined {
  if (existsSync(jars)) return undefined;
  const work = `${jars}.fetching`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  writeFileSync(join(work, "pom.xml"), pom);
  const goal = ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"];
  const problem = run("mvn", goal, work);
  if (problem === undefined) renameSync(join(work, "jars"), jars);
  rmSync(work, { recursive: true, force: true });
  return problem;
}

/**
 * How to start the Pekko contender, or why it cannot be started. Needs Java 17 or newer with its
 * compiler, and Maven the first time.
 */
export function pekkoCommand(options: {
  readonly mayFetch: boolean;
}): { readonly command: string; readonly args: readonly string[] } | { readonly missing: string } {
  const root = projectRoot();
  const folder = join(root, ".cache", `pekko-${version}`);
  const jars = join(folder, "jars");
  if (!existsSync(jars) && !options.mayFetch) {
    return { missing: "its jars are not here yet; a run without --quick fetches them" };
  }
  mkdirSync(folder, { recursive: true });
  const source = join(root, "benchmarks", "kernel", "pekko", "PekkoContender.java");
  const compiled = join(folder, "PekkoContender.class");
  const problem = fetchJars(jars) ?? compile({ source, compiled, jars, folder });
  if (problem !== undefined) return { missing: problem };
  // One thread for the actors; the collector without threads of its own. On one or two processors Java would
  // start a thread for each answer of an ask; with a pool of two it uses that.
  const pool = "-Djava.util.concurrent.ForkJoinPool.common.parallelism=2";
  const jvm = ["-XX:+UseSerialGC", pool, "-Xms512m", "-Xmx2g"];
  return {
    command: "java",
    args: [...jvm, "-cp", `${folder}:${join(jars, "*")}`, "PekkoContender", version],
  };
}

function compile(paths: {
  readonly source: string;
  readonly compiled: string;
  readonly jars: string;
  readonly folder: string;
}): string | undefined {
  const { source, compiled, jars, folder } = paths;
  if (existsSync(compiled) && statSync(compiled).mtimeMs > statSync(source).mtimeMs)
    return undefined;
  return run("javac", ["-cp", join(jars, "*"), "-d", folder, source], folder);
}
