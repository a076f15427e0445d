/** Opens what runs and their jobs need: journal, stores, engine, identities. Each part adds what closes it to the teardown. */
import { join } from "node:path";
import { type BlobStore, FolderBlobStore, openS3BlobStore } from "../actors/blobs/index.ts";
import { CacheIndex, Caches, cacheIndexId } from "../actors/caches/index.ts";
import { limits, TroupeError } from "../actors/kernel/index.ts";
import { ArchivedLogStore, FolderLogStore, type LogStore } from "../actors/logs/index.ts";
import { createJobEngine, type JobEngine } from "../actors/pipelines/index.ts";
import { createSystem, type System } from "../actors/system/index.ts";
import { Audit } from "./audit.ts";
import { Authority } from "./authority/authority.ts";
import { authoritySecret } from "./authority/authority-secret.ts";
import { type SystemFile, writeSystemFile } from "./data-folder.ts";
import { createEnrolment, type Enrolment } from "./enrolment.ts";
import { FileSweep, FilesInUse } from "./file-sweep.ts";
import { checkJournalId, checkJournalPlace } from "./folder-journal.ts";
import { identityDefinitions } from "./identity-definitions.ts";
import { LogSweep } from "./log-sweep.ts";
import { RetentionMarks } from "./retention-marks.ts";
import { chainSecretSources } from "./secret-sources.ts";
import type { ServerGround } from "./server-ground.ts";

export interface Jobs {
  readonly systemFile: SystemFile;
  readonly system: System;
  readonly engine: JobEngine;
  readonly logs: LogStore;
  /** undefined: the agent port has no TLS. */
  readonly authority: Authority | undefined;
  readonly audit: Audit;
  /** Files of jobs. */
  readonly blobs: BlobStore;
  readonly filesInUse: FilesInUse;
  readonly marks: RetentionMarks;
  readonly caches: Caches;
  readonly enrolment: Enrolment;
}

/** Opens the journal and the logs: runs, workers and scheduler work from here on. */
export async function openJobs(ground: ServerGround): Promise<Jobs> {
  const { dataDir, options, clock, random, logger, teardown } = ground;
  const blobs = await openBlobs(ground);
  const cacheBlobs = await openCacheBlobs(ground);
  const folder = new FolderLogStore({ directory: join(dataDir, "logs") });
  const logs = new ArchivedLogStore({ folder, blobs, clock, logger });
  teardown.add("logs", () => logs.close());
  await logs.start();
  const engine = createJobEngine({
    secrets: options.secretSource ?? chainSecretSources(),
    clock,
    logger,
    onLeaseLost: () => ground.metrics?.meter.leaseLost(),
    ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
    ...(options.leaseGraceMs === undefined ? {} : { leaseGraceMs: options.leaseGraceMs }),
  });
  const place = options.kafka === undefined ? "folder" : "kafka";
  const known = await checkJournalPlace(dataDir, place);
  const system = await createSystem({
    name: options.name ?? "troupe",
    ...(options.kafka === undefined ? { dataDir } : { kafka: options.kafka }),
    ...(options.redis === undefined ? {} : { redis: options.redis }),
    definitions: [...engine.definitions, ...identityDefinitions, CacheIndex],
    clock,
    random,
    logger,
    ...(ground.metrics && { observer: ground.metrics.observer }),
  });
  teardown.add("system", () => system.stop());
  checkJournalId(dataDir, known?.journal, system.journalId);
  const journal = { in: place, id: system.journalId } as const;
  const systemFile = { systemId: random.uuid(), ...known, journal };
  await writeSystemFile(dataDir, systemFile);
  engine.start(system);
  teardown.add("jobs", () => engine.stop());
  const { runs } = engine;
  const caches = new Caches({
    blobs: cacheBlobs,
    index: () => system.actor(CacheIndex, cacheIndexId),
    bytesMax: options.cachesBytesMax ?? limits.cachesBytesMax,
    unusedMs: options.cacheUnusedMs ?? limits.cacheUnusedMs,
    clock,
    logger,
  });
  const marks = await RetentionMarks.open(dataDir);
  const filesInUse = new FilesInUse();
  const { logRetention: retention, fileRetention = {} } = options;
  const kept = { runs, blobs, marks, logger };
  const files = new FileSweep({ ...kept, retention: fileRetention, inUse: filesInUse });
  const sweep = new LogSweep({ ...kept, logs, files, caches, retention, clock });
  teardown.add("log sweep", () => sweep.stop());
  await sweep.start();
  const audit = new Audit({ system, clock, logger });
  teardown.add("audit trail", () => audit.close());
  const authority = ground.tls ? await openAuthority(ground, system) : undefined;
  const fingerprint = () => authority?.fingerprint();
  const enrolment = createEnrolment({ system, clock, random, logger, fingerprint });
  const stores = { logs, blobs, filesInUse, marks, caches };
  return { systemFile, system, engine, ...stores, authority, audit, enrolment };
}

async function openBlobs({ dataDir, options, teardown }: ServerGround): Promise<BlobStore> {
  const blobs =
    options.s3 === undefined
      ? new FolderBlobStore({ directory: join(dataDir, "blobs") })
      : await openS3BlobStore(options.s3);
  teardown.add("blobs", () => blobs.close());
  return blobs;
}

/** Apart from other files: what is in it may be deleted at any time. */
async function openCacheBlobs({ dataDir, options, teardown }: ServerGround): Promise<BlobStore> {
  const { s3 } = options;
  const blobs =
    s3 === undefined
      ? new FolderBlobStore({ directory: join(dataDir, "caches") })
      : await openS3BlobStore({ ...s3, prefix: [s3.prefix, "caches"].filter(Boolean).join("/") });
  teardown.add("caches", () => blobs.close());
  return blobs;
}

async function openAuthority(ground: ServerGround, system: System): Promise<Authority> {
  const { dataDir, options, clock, random, logger, teardown } = ground;
  const passphrase = options.authorityPassphrase;
  const { secret, source } = await authoritySecret(dataDir, { passphrase, random });
  const certificateTtlMs = checkedTtlMs(options.certificateTtlMs ?? limits.certificateTtlMs);
  const authority = await Authority.open({
    system,
    // Of the journal, not of this folder: it is the same for every server of the system.
    systemId: system.journalId,
    secret,
    source,
    certificateTtlMs,
    clock,
    random,
    logger,
  });
  teardown.add("certificate authority", () => authority.close());
  return authority;
}

function checkedTtlMs(ttlMs: number): number {
  const [min, max] = [limits.certificateTtlMsMin, limits.certificateTtlMsMax];
  if (Number.isInteger(ttlMs) && ttlMs >= min && ttlMs <= max) return ttlMs;
  throw new TroupeError("TROUPE_OPTION_INVALID", {
    option: "certificateTtlMs",
    expected: `a whole number of ms from ${min} to ${max}`,
    got: String(ttlMs),
  });
}
