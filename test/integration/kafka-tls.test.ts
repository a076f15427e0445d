/** The journal over TLS and with passwords, on a real broker that has nothing else on that listener. */
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { KafkaAccess } from "../../scripts/services/kafka.mjs";
import {
  type KafkaJournalOptions,
  openKafkaJournal,
} from "../../src/actors/persistence/journals/index.ts";
import { kafkaCluster } from "../support/kafka.ts";
import { temporaryFolder, troupe } from "../support/troupe-process.ts";

const cluster = kafkaCluster(1, { secure: true });

function access(): KafkaAccess {
  const { secure } = cluster.current();
  if (secure === undefined) throw new Error("the cluster has no secure listener");
  return secure;
}

function optionsWith(change: Partial<KafkaJournalOptions>): KafkaJournalOptions {
  const { address, ca, username, password } = access();
  return {
    brokers: [address],
    topic: `secure-${randomUUID()}`,
    shards: 2,
    replicationFactor: 1,
    tls: { ca: readFileSync(ca) },
    sasl: { mechanism: "scram-sha-512", username, password },
    ...change,
  };
}

async function refusal(change: Partial<KafkaJournalOptions>): Promise<string> {
  const opening = openKafkaJournal(optionsWith(change));
  const error: unknown = await opening.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "TROUPE_JOURNAL_UNAVAILABLE" });
  return String(error);
}

test.each(["plain", "scram-sha-256", "scram-sha-512"] as const)(
  "%s over TLS",
  async (mechanism) => {
    const { username, password } = access();
    const journal = await openKafkaJournal(
      optionsWith({ sasl: { mechanism, username, password } }),
    );
    try {
      const bytes = Buffer.from(mechanism);
      const [result] = await journal.append([{ shard: 1, expected: 0, bytes }]);
      expect(result).toMatchObject({ outcome: "at", at: 0, clean: true });
      expect(Buffer.from((await journal.readAt(1, 0)).bytes)).toEqual(bytes);
    } finally {
      await journal.close();
    }
  },
);

test("says what is wrong with the certificate, the protocol or the password, and never the password", async () => {
  const { username } = access();
  expect(await refusal({ tls: true })).toMatch(/certificate/);
  expect(await refusal({ tls: false })).toContain(access().address);
  for (const mechanism of ["plain", "scram-sha-256"] as const) {
    const message = await refusal({ sasl: { mechanism, username, password: "not-the-one" } });
    expect(message).toMatch(/authentication|credentials/i);
    expect(message).not.toContain("not-the-one");
  }
});

test("troupe run goes there with options, the password from the environment or a file", async () => {
  const { address, ca, username, password } = access();
  const folder = temporaryFolder();
  const pipeline = join(folder, "p.yaml");
  writeFileSync(pipeline, "name: hello\njobs:\n  hello:\n    run: echo hello\n");
  const file = join(folder, "password");
  writeFileSync(file, `${password}\n`);
  const run = (args: readonly string[], env: Record<string, string>) => {
    const where = ["--kafka", address, "--kafka-tls", ca, "--kafka-replication", "1"];
    const who = ["--kafka-user", username, "--kafka-topic", `run-${randomUUID()}`];
    const data = ["--data", join(folder, randomUUID())];
    return troupe(["run", pipeline, "--quiet", ...data, ...where, ...who, ...args], { env });
  };
  expect(await run([], { TROUPE_KAFKA_PASSWORD: password })).toMatchObject({ code: 0 });
  const plain = ["--kafka-sasl", "plain", "--kafka-password-file", file];
  expect(await run(plain, {})).toMatchObject({ code: 0 });
  const wrong = await run([], { TROUPE_KAFKA_PASSWORD: "not-the-one" });
  expect(wrong.code).toBe(1);
  expect(wrong.stdout + wrong.stderr).not.toContain("not-the-one");
});
