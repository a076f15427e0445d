/** What one broker says of the cluster: where the brokers are, and who leads each partition. */

import type { Wire } from "./kafkajs-wire.ts";
import { errorOf, protocolError } from "./protocol-errors.ts";

export interface ClusterView {
  /** Address by node id. */
  readonly addresses: ReadonlyMap<number, string>;
  /** By number; empty when the topic does not exist. */
  readonly partitions: readonly PartitionView[];
}

export interface PartitionView {
  /** Node id of the leader; -1 = none just now. */
  readonly leader: number;
  readonly replicas: readonly number[];
}

interface MetadataAnswer {
  readonly brokers: readonly { nodeId: number; host: string; port: number }[];
  readonly topicMetadata: readonly {
    topicErrorCode: number;
    topic: string;
    partitionMetadata: readonly { partitionId: number; leader: number; replicas: number[] }[];
  }[];
}

export async function viewOf(wire: Wire, topic: string): Promise<ClusterView> {
  const answer = await wire.request<MetadataAnswer>("Metadata", {
    topics: [topic],
    allowAutoTopicCreation: false,
  });
  const addresses = new Map(
    answer.brokers.map(({ nodeId, host, port }) => [nodeId, addressOf(host, port)]),
  );
  const found = answer.topicMetadata.find((one) => one.topic === topic);
  const code = found?.topicErrorCode ?? protocolError.unknownTopicOrPartition;
  if (code === protocolError.unknownTopicOrPartition) return { addresses, partitions: [] };
  // A topic whose leaders are just being chosen says so by an error, and lists it all the same.
  if (code !== protocolError.none && found?.partitionMetadata.length === 0) throw errorOf(code);
  const partitions: PartitionView[] = [];
  for (const { partitionId, leader, replicas } of found?.partitionMetadata ?? []) {
    partitions[partitionId] = { leader, replicas };
  }
  return { addresses, partitions };
}

function addressOf(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
