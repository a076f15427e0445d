/**
 * The topic that is the journal: made as it has to be, checked at every start. A setting that
 * could lose or reorder records is a reason not to start, told with the command that mends it.
 */
import { type Clock, limits, reasonOf, TroupeError } from "../../../kernel/index.ts";
import type { ClusterLink } from "./cluster-link.ts";
import type { ClusterView } from "./cluster-view.ts";
import { PartitionReader } from "./partition-reader.ts";
import { errorOf, protocolError } from "./protocol-errors.ts";
import { untilAnswered } from "./until-answered.ts";

export interface JournalTopicOptions {
  readonly topic: string;
  readonly brokers: readonly string[];
  /** undefined: as many as the topic has, or `shardsDefault` for a new one. */
  readonly shards: number | undefined;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
  readonly recordBytesMax: number;
  readonly create: boolean;
  /** Refuse settings that could lose records. */
  readonly check: boolean;
  /** Tools need a file of settings too. */
  readonly isSecured: boolean;
}

export interface TopicFacts {
  readonly partitions: number;
  readonly recordBytesMax: number;
}

const shardsDefault = 64;
const createTimeoutMs = 10_000;
const readableDeadlineMs = 20_000;
const lookEveryMs = 100;
/** What a record takes beside its bytes, at most. */
const overheadBytes = 1024;
const topicResource = 2;

interface ConfigsAnswer {
  readonly resources: readonly {
    readonly errorCode: number;
    readonly errorMessage: string | null;
    readonly configEntries: readonly { configName: string; configValue: string | null }[];
  }[];
}

interface CreateAnswer {
  readonly topicErrors: readonly { errorCode: number; errorMessage?: string | null }[];
}

export class JournalTopic {
  readonly #link: ClusterLink;
  readonly #options: JournalTopicOptions;
  readonly #clock: Clock;

  constructor(link: ClusterLink, options: JournalTopicOptions, clock: Clock) {
    this.#link = link;
    this.#options = options;
    this.#clock = clock;
  }

  /** Makes the topic if it is missing, waits until it can be read, and checks its settings. */
  async prepare(): Promise<TopicFacts> {
    const { topic, create, shards } = this.#options;
    if ((await this.#link.freshView()).partitions.length === 0) {
      if (!create) throw this.#unusable(`there is no topic ${topic}`);
      await this.#answered(() => this.#create((shards ?? shardsDefault) + 1));
    }
    const view = await this.#whenReadable();
    const settings = await this.#answered(() => this.#settings());
    if (this.#options.check) this.#check(view, settings);
    const room = Number(settings.get("max.message.bytes")) - overheadBytes;
    const recordBytesMax = Math.min(this.#options.recordBytesMax, room);
    return { partitions: view.partitions.length, recordBytesMax };
  }

  #answered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    return untilAnswered({ link: this.#link, clock: this.#clock }, ask);
  }

  #wantedSettings(): ReadonlyMap<string, string> {
    const { minInsyncReplicas, recordBytesMax } = this.#options;
    return new Map([
      ["cleanup.policy", "delete"],
      ["retention.ms", "-1"],
      ["retention.bytes", "-1"],
      ["min.insync.replicas", String(minInsyncReplicas)],
      ["unclean.leader.election.enable", "false"],
      ["max.message.bytes", String(recordBytesMax + overheadBytes)],
      // A clock that is wrong must not make the brokers refuse a record.
      ["message.timestamp.type", "LogAppendTime"],
      // Room is given back by whole files, and their default size is a gigabyte of each shard.
      [
        "segment.bytes",
        String(Math.max(limits.journalSegmentBytes, recordBytesMax + overheadBytes)),
      ],
    ]);
  }

  async #create(partitions: number): Promise<void> {
    const { topic, replicationFactor } = this.#options;
    const configEntries = [...this.#wantedSettings()].map(([name, value]) => ({ name, value }));
    const topics = [{ topic, numPartitions: partitions, replicationFactor, configEntries }];
    const destination = await this.#link.anyNode();
    const answer = await this.#link.use(destination, (wire) =>
      wire.request<CreateAnswer>(
        "CreateTopics",
        { topics, validateOnly: false, timeout: createTimeoutMs },
        2 * createTimeoutMs,
      ),
    );
    const [error] = answer.topicErrors;
    const code = error?.errorCode ?? protocolError.none;
    if (code === protocolError.none || code === protocolError.topicAlreadyExists) return;
    if (code === protocolError.invalidReplicationFactor) {
      const brokers = (await this.#link.view()).addresses.size;
      throw this.#unusable(
        `${replicationFactor} copies of each record were asked for, and the cluster has ` +
          `${brokers} broker${brokers === 1 ? "" : "s"}; start more, or, where losing the ` +
          `journal with its broker is acceptable, set replicationFactor: 1`,
      );
    }
    throw this.#unusable(`creating it failed. ${reasonOf(errorOf(code, error?.errorMessage))}`);
  }

  /** Leaders are named before they serve: waits until each partition can be read. */
  async #whenReadable(): Promise<ClusterView> {
    const reader = new PartitionReader(this.#link, this.#options.topic);
    const untilMs = this.#clock.monotonicMs() + readableDeadlineMs;
    for (;;) {
      let obstacle: unknown;
      try {
        const view = await this.#link.freshView();
        obstacle = await reader.obstacle([...view.partitions.keys()]);
        if (obstacle === undefined && view.partitions.length > 0) return view;
      } catch (error) {
        obstacle = error;
      }
      if (this.#clock.monotonicMs() > untilMs) {
        const reason = `after ${readableDeadlineMs} ms a partition cannot be read: ${reasonOf(obstacle)}`;
        const details = { journal: this.#link.name, operation: "open", reason };
        throw new TroupeError("TROUPE_JOURNAL_UNAVAILABLE", details, { cause: obstacle });
      }
      await new Promise<void>((resolve) => this.#clock.setTimer(lookEveryMs, resolve));
    }
  }

  async #settings(): Promise<ReadonlyMap<string, string>> {
    const configNames = [...this.#wantedSettings().keys()];
    const resources = [{ type: topicResource, name: this.#options.topic, configNames }];
    const destination = await this.#link.anyNode();
    const answer = await this.#link.use(destination, (wire) =>
      wire.request<ConfigsAnswer>("DescribeConfigs", { resources, includeSynonyms: false }),
    );
    const [found] = answer.resources;
    const code = found?.errorCode ?? -1;
    if (code !== protocolError.none) throw errorOf(code, found?.errorMessage);
    const entries = found?.configEntries ?? [];
    return new Map(entries.map(({ configName, configValue }) => [configName, configValue ?? ""]));
  }

  #check({ partitions }: ClusterView, settings: ReadonlyMap<string, string>): void {
    const { replicationFactor, minInsyncReplicas, brokers, topic, isSecured } = this.#options;
    const wanted = this.#wantedSettings();
    const problems: string[] = [];
    const copies = Math.min(...partitions.map(({ replicas }) => replicas.length));
    if (copies < replicationFactor) {
      problems.push(
        `a partition has ${copies} of ${replicationFactor} copies ` +
          "(add some with kafka-reassign-partitions.sh, or lower replicationFactor)",
      );
    }
    const mended: string[] = [];
    for (const [name, value] of wanted) {
      const has = settings.get(name) ?? "";
      if (isGood(name, has, minInsyncReplicas)) continue;
      problems.push(`${name} must be ${value}, but is ${has}`);
      mended.push(`${name}=${value}`);
    }
    const inSync = Number(settings.get("min.insync.replicas"));
    if (inSync > copies && copies >= replicationFactor) {
      problems.push(
        `min.insync.replicas is ${inSync} with ${copies} copies: nothing can be written`,
      );
      mended.push(`min.insync.replicas=${minInsyncReplicas}`);
    }
    if (problems.length === 0) return;
    const access = isSecured ? " --command-config <client.properties>" : "";
    const command =
      `kafka-configs.sh --bootstrap-server ${brokers[0]}${access} --alter --entity-type topics ` +
      `--entity-name ${topic} --add-config ${mended.join(",")}`;
    const advice = mended.length > 0 ? `. Mend it with: ${command}` : "";
    throw this.#unusable(`${problems.join("; ")}${advice}`);
  }

  #unusable(problem: string): TroupeError {
    return new TroupeError("TROUPE_JOURNAL_UNUSABLE", { journal: this.#link.name, problem });
  }
}

/** The least `max.message.bytes`: Kafka's own default. */
const messageBytesMin = 1024 * 1024;

function isGood(name: string, value: string, minInsyncReplicas: number): boolean {
  switch (name) {
    case "cleanup.policy":
      return value === "delete";
    case "retention.ms":
    case "retention.bytes":
      return value === "-1";
    case "min.insync.replicas":
      return Number(value) >= minInsyncReplicas;
    case "unclean.leader.election.enable":
      return value === "false";
    case "max.message.bytes":
      return Number(value) >= messageBytesMin;
    default:
      return true;
  }
}
