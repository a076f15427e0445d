import { kafka } from "./kafka.mjs";
import { redis } from "./redis.mjs";
import { s3 } from "./s3.mjs";

/**
 * The real services that tests and benchmarks talk to.
 *
 * A service module exports `{ name, variable, needs, obtain }`. `obtain()` looks, in this order,
 * for an address of one's own (the environment variable), programs on the PATH, Docker, and, as
 * root on Debian or Ubuntu, the distribution's package; it resolves to
 * `{ address, how, stop() }`, or `{ missing: "how to get it" }` where none can be had.
 */

/** @type {readonly { name: string, variable: string, needs: string, obtain: () => Promise<{ address: string, how: string, stop(): Promise<void> } | { missing: string }> }[]} */
export const services = [kafka, redis, s3];

/**
 * Brings up all services; one visible line each.
 * @returns {Promise<{ env: Record<string, string>, absent: { name: string, needs: string, missing: string }[], stop(): Promise<void> }>}
 */
export async function bringUp() {
  const env = {};
  const absent = [];
  const started = [];
  for (const service of services) {
    const own = process.env[service.variable];
    if (own) {
      console.error(`» ${service.name}: ${own} (from ${service.variable})`);
      continue;
    }
    const startedMs = Date.now();
    const found = await service.obtain();
    if ("missing" in found) {
      console.error(`» ${service.name}: none here. ${found.missing}`);
      absent.push({ name: service.name, needs: service.needs, missing: found.missing });
    } else {
      const tookS = ((Date.now() - startedMs) / 1000).toFixed(1);
      console.error(`» ${service.name}: ${found.address} (${found.how}, ${tookS} s)`);
      env[service.variable] = found.address;
      started.push(found);
    }
  }
  return {
    env,
    absent,
    async stop() {
      await Promise.all(started.map((service) => service.stop()));
    },
  };
}
