/** Apache Kafka as jars from Maven Central, kept in the project's cache folder, and the Java to run them. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, canInstall, onPath } from "./program.mjs";

export const KAFKA_VERSION = "4.1.1";
/** The oldest Java that a broker of this version runs on. */
const JAVA_VERSION_MIN = 17;

const cache = join(new URL("../..", import.meta.url).pathname, ".cache");
const folder = join(cache, `kafka-${KAFKA_VERSION}`);

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>troupe</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

function javaVersion(java) {
  const { stderr } = spawnSync(java, ["-version"], { encoding: "utf8" });
  return Number(/version "(\d+)/.exec(stderr ?? "")?.[1] ?? 0);
}

function findJava() {
  const home = process.env.JAVA_HOME;
  const java = home === undefined ? onPath("java") : join(home, "bin", "java");
  return java !== undefined && javaVersion(java) >= JAVA_VERSION_MIN ? java : undefined;
}

/**
 * @returns {{ java: string, classPath: string } | { missing: string }}
 */
export function kafkaJars() {
  const hint = `Install Java ${JAVA_VERSION_MIN} or newer and Maven, or start Docker, or set KAFKA_BROKERS.`;
  let java = findJava();
  if (
    java === undefined &&
    canInstall() &&
    aptInstall([`openjdk-${JAVA_VERSION_MIN}-jre-headless`])
  ) {
    java = findJava();
  }
  if (java === undefined) return { missing: hint };
  const classPath = join(folder, "*");
  if (existsSync(folder)) return { java, classPath };
  if (onPath("mvn") === undefined && canInstall()) aptInstall(["maven"]);
  const maven = onPath("mvn");
  if (maven === undefined) return { missing: hint };
  const problem = download(maven);
  return problem === undefined ? { java, classPath } : { missing: problem };
}

/** Whole or not at all: several runs may do this at once. */
function download(maven) {
  console.error(`» downloading Apache Kafka ${KAFKA_VERSION} (Maven Central, 43 MB, once)`);
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "kafka-download-"));
  try {
    writeFileSync(join(work, "pom.xml"), POM);
    const args = ["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"];
    const target = join(work, "jars");
    const options = { cwd: work, encoding: "utf8" };
    const { status, stdout } = spawnSync(maven, [...args, `-DoutputDirectory=${target}`], options);
    if (status !== 0) return `Maven could not get Kafka:\n${stdout.slice(-2_000)}`;
    try {
      renameSync(target, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
