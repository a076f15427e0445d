/** Who this agent is: kept in its state folder, readable by its user only, once it has enrolled. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { AgentError, exitCodes } from "./agent-error.ts";

export type Identity = CredentialIdentity | CertificateIdentity;

/** On loopback, without TLS. */
export interface CredentialIdentity {
  readonly agentId: string;
  /** Only this agent has it; the server keeps a hash. */
  readonly credential: string;
}

export interface CertificateIdentity {
  readonly agentId: string;
  readonly certificatePem: string;
  /** Only this agent has it; it was made here. */
  readonly privateKeyPem: string;
  /** The authorities whose servers it trusts. */
  readonly caPem: string;
  /** Both by this machine's own clock, right or wrong. */
  readonly receivedAtMs: number;
  readonly expiresAtMs: number;
}

export function hasCertificate(identity: Identity): identity is CertificateIdentity {
  return "certificatePem" in identity;
}

/** What the server answers to an enrolment or a renewal. */
export interface CertificateAnswer {
  readonly certificatePem: string;
  readonly caPem: string;
  readonly validForMs: number;
}

/** The identity that an answer makes, with the key that was made for it. Throws for one over another key. */
export function certificateIdentity(
  agentId: string,
  answer: CertificateAnswer,
  { privateKeyPem, nowMs }: { privateKeyPem: string; nowMs: number },
): CertificateIdentity {
  const { certificatePem, caPem, validForMs } = answer;
  const certificate = new X509Certificate(certificatePem);
  if (!certificate.checkPrivateKey(createPrivateKey(privateKeyPem))) {
    throw new Error("the server answered with a certificate for another key");
  }
  const expiresAtMs = nowMs + validForMs;
  return { agentId, certificatePem, privateKeyPem, caPem, receivedAtMs: nowMs, expiresAtMs };
}

export class IdentityFile {
  readonly path: string;

  constructor(stateFolder: string) {
    this.path = join(stateFolder, "identity.json");
  }

  /** undefined: never enrolled. Throws `AgentError` if the file is not one of ours. */
  read(): Identity | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new AgentError(
        `cannot read ${this.path}: ${(error as Error).message}`,
        exitCodes.failed,
        { cause: error },
      );
    }
    const identity = parse(text);
    if (identity !== undefined) return identity;
    throw new AgentError(
      `${this.path} is damaged: remove it, and start the agent once with a new token`,
      exitCodes.failed,
    );
  }

  /** Replaces the file as a whole: after a crash the old one or the new one is there, key and certificate together. */
  write(identity: Identity): void {
    const draft = `${this.path}.new`;
    rmSync(draft, { force: true });
    const descriptor = openSync(draft, "wx", 0o600);
    try {
      writeSync(descriptor, `${JSON.stringify(identity)}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(draft, this.path);
  }
}

const texts = ["agentId", "certificatePem", "privateKeyPem", "caPem"] as const;
const times = ["receivedAtMs", "expiresAtMs"] as const;

function parse(text: string): Identity | undefined {
  try {
    const read = JSON.parse(text) as Record<string, unknown>;
    const { agentId, credential } = read;
    if (isText(agentId) && isText(credential)) return { agentId, credential };
    const whole =
      texts.every((name) => isText(read[name])) &&
      times.every((name) => typeof read[name] === "number");
    return whole ? (read as unknown as CertificateIdentity) : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
