/**
 * The appends that go to one broker. What is ready is collected into one produce for all
 * partitions; at most `producesInFlightMax` are under way, and what comes meanwhile makes up the
 * next one. An error of one partition says nothing of the others.
 */
import type { Clock } from "../../../kernel/index.ts";
import type { AppendRequest } from "../../journal.ts";
import type { ClusterLink } from "./cluster-link.ts";
import { encodeProduce } from "./produce-request.ts";
import { errorOf, isRefusal, protocolError } from "./protocol-errors.ts";

export type ProduceResult =
  | { readonly outcome: "at"; readonly at: number }
  | { readonly outcome: "uncertain" | "refused"; readonly cause: unknown };

export interface WaitingAppend {
  readonly request: AppendRequest;
  readonly settle: (result: ProduceResult) => void;
}

export interface ProduceLaneOptions {
  readonly link: ClusterLink;
  readonly topic: string;
  readonly node: number;
  readonly clock: Clock;
  readonly requestBytesMax: number;
  /** The broker answers within it, if only that the copies were not made. */
  readonly ackTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/**
 * A broker serves one request of a connection at a time, so more than two wait there instead of
 * here, where they would still grow.
 */
const producesInFlightMax = 2;

/** Errors that come from too few copies, not from asking the wrong broker. */
const leaderIsRight = new Set([7, 19, 20]);

interface ProduceAnswer {
  readonly topics: readonly {
    readonly partitions: readonly { partition: number; errorCode: number; baseOffset: string }[];
  }[];
}

export class ProduceLane {
  readonly #options: ProduceLaneOptions;
  #waiting: WaitingAppend[] = [];
  #inFlight = 0;

  constructor(options: ProduceLaneOptions) {
    this.#options = options;
  }

  push(appends: readonly WaitingAppend[]): void {
    for (const append of appends) this.#waiting.push(append);
    this.#pump();
  }

  #pump(): void {
    while (this.#inFlight < producesInFlightMax && this.#waiting.length > 0) {
      this.#inFlight++;
      void this.#produce(this.#takeGroup()).finally(() => {
        this.#inFlight--;
        this.#pump();
      });
    }
  }

  #takeGroup(): ReadonlyMap<number, readonly WaitingAppend[]> {
    const group = new Map<number, WaitingAppend[]>();
    let bytes = 0;
    let count = 0;
    for (const append of this.#waiting) {
      bytes += append.request.bytes.byteLength;
      if (count > 0 && bytes > this.#options.requestBytesMax) break;
      const { shard } = append.request;
      const ofShard = group.get(shard);
      if (ofShard === undefined) group.set(shard, [append]);
      else ofShard.push(append);
      count++;
    }
    this.#waiting.splice(0, count);
    return group;
  }

  async #produce(group: ReadonlyMap<number, readonly WaitingAppend[]>): Promise<void> {
    const { link, topic, node, clock, ackTimeoutMs, requestTimeoutMs } = this.#options;
    const partitions = [...group].map(([partition, appends]) => ({
      partition,
      records: appends.map(({ request }) => request.bytes),
    }));
    const body = encodeProduce(partitions, { topic, ackTimeoutMs, nowMs: clock.nowMs() });
    const destination = { node, partitions: [...group.keys()] };
    try {
      const answer = await link.use(destination, (wire) =>
        wire.send<ProduceAnswer>("Produce", body, requestTimeoutMs),
      );
      this.#settle(group, answer);
    } catch (cause) {
      for (const appends of group.values()) settleAll(appends, { outcome: "uncertain", cause });
    }
  }

  #settle(group: ReadonlyMap<number, readonly WaitingAppend[]>, { topics }: ProduceAnswer): void {
    const answers = new Map(
      topics.flatMap(({ partitions }) => partitions.map((one) => [one.partition, one] as const)),
    );
    for (const [partition, appends] of group) {
      const answer = answers.get(partition);
      const code = answer?.errorCode ?? -1;
      if (answer !== undefined && code === protocolError.none) {
        const base = Number(answer.baseOffset);
        for (const [index, { settle }] of appends.entries()) {
          settle({ outcome: "at", at: base + index });
        }
        continue;
      }
      const cause = errorOf(code);
      if (isRefusal(code)) settleAll(appends, { outcome: "refused", cause });
      else {
        if (!leaderIsRight.has(code)) this.#options.link.distrust();
        settleAll(appends, { outcome: "uncertain", cause });
      }
    }
  }
}

function settleAll(appends: readonly WaitingAppend[], result: ProduceResult): void {
  for (const { settle } of appends) settle(result);
}
