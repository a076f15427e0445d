/**
 * `npm run services [-- --brokers 3]`: Kafka and Redis on this machine for trying things out, until Ctrl-C. Needs Java 17 and
 * Maven (as root on Debian or Ubuntu they are installed), or Docker. Everything is in a temporary folder and gone afterwards.
 */
import { parseArgs } from "node:util";
import { ensureInstalled } from "./prepare.mjs";

ensureInstalled();
// After the installation: they use packages.
const { startKafka } = await import("./services/kafka.mjs");
const { redisProgram, startRedis } = await import("./services/redis-server.mjs");

const { values } = parseArgs({ options: { brokers: { type: "string", default: "1" } } });
if (values.brokers !== "1" && values.brokers !== "3") {
  console.error(`--brokers is 1 or 3, not ${values.brokers}`);
  process.exit(2);
}
if (redisProgram() === undefined) {
  console.error("There is no redis-server on the PATH. Install it, or use: docker compose up");
  process.exit(1);
}
const nodes = Number(values.brokers);
console.error(`» starting Redis and ${nodes} Kafka ${nodes === 1 ? "broker" : "brokers"}`);
const redis = await startRedis();
const kafka = await startKafka({ nodes }).catch(async (error) => {
  await redis.stop();
  console.error(error.message);
  process.exit(1);
});
console.log(`export TROUPE_KAFKA=${kafka.address}
export TROUPE_KAFKA_REPLICATION=${nodes}
export TROUPE_REDIS=${redis.url}`);
console.error("» paste these into another shell, then: troupe dev. Ctrl-C ends all of it");

await new Promise((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, resolve);
});
await Promise.all([kafka.stop(), redis.stop()]);
