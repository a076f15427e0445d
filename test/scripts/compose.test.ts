/** `compose.yaml` says what the scripts say. No image can be pulled where tests run, so it is not started here. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { dockerSettings } from "../../scripts/services/kafka.mjs";
import { REDIS_SETTINGS } from "../../scripts/services/redis-server.mjs";

interface Service {
  readonly image: string;
  readonly command?: string;
  readonly ports: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
}
interface Compose {
  readonly services: { readonly kafka: Service; readonly redis: Service };
  readonly volumes: Readonly<Record<string, null>>;
}

const text = readFileSync(new URL("../../compose.yaml", import.meta.url), "utf8");
const { services, volumes } = parse(text, { uniqueKeys: true }) as Compose;

it("starts the Kafka of the tests, with what it is told there, and a place for its data", () => {
  const { KAFKA_LOG_DIRS: folder, ...environment } = services.kafka.environment ?? {};
  const expected = Object.entries(dockerSettings(9092)).map(([name, value]) => [name, `${value}`]);
  expect(environment).toEqual(Object.fromEntries(expected));
  expect(services.kafka.volumes).toEqual([`kafka:${folder}`]);
  expect(services.kafka.image).toMatch(/^apache\/kafka:4\.1\.\d+$/);
});

it("starts Redis with what a snapshot store asks of it", () => {
  const settings = REDIS_SETTINGS.map((one) => (one === "" ? '""' : one)).join(" ");
  expect(services.redis.command).toBe(`redis-server ${settings}`);
  expect(Object.keys(volumes)).toEqual(["kafka", "redis"]);
});

it("listens on the loopback only, at the addresses that its head tells", () => {
  const ports = [...services.kafka.ports, ...services.redis.ports];
  expect(ports).toEqual(["127.0.0.1:9092:9092", "127.0.0.1:6379:6379"]);
  expect(text).toContain("--kafka 127.0.0.1:9092 --kafka-replication 1");
  expect(text).toContain("--redis redis://127.0.0.1:6379");
});
