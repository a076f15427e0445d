/** The port through which the agents' side of a server is counted. Nobody waits for it, and it must not throw. */
import type { AttemptResult } from "../actors/workers/index.ts";

/** What an agent may say of an attempt that is not its own. */
export type ForgedMessage = "accepted" | "started" | "log" | "result" | "hello" | "transfer";

export interface AgentMeter {
  /** A stream was welcomed; `resumed`: the same start of the agent had one before. */
  connected(resumed: boolean): void;
  /** `reason`: one of the codes of `Refused`. */
  helloRefused(reason: string): void;
  /** A caller was not let in: `reason` is an error's code, or `unforeseen`. */
  identityRefused(reason: string): void;
  enrolment(answer: "enrolled" | "refused" | "throttled"): void;
  certificateRenewed(): void;
  forged(message: ForgedMessage): void;
  /** An agent was silent until its lease was over. */
  leaseLost(): void;
  assigned(): void;
  /** Bytes of a log that were not stored before. */
  logStored(data: Uint8Array): void;
  /** The agent said once more what had been said of an attempt's end. */
  resultResent(): void;
  /** An attempt has ended, and its run has recorded that. */
  ended(result: AttemptResult): void;
}

export const noMeter: AgentMeter = {
  connected: () => {},
  helloRefused: () => {},
  identityRefused: () => {},
  enrolment: () => {},
  certificateRenewed: () => {},
  forged: () => {},
  leaseLost: () => {},
  assigned: () => {},
  logStored: () => {},
  resultResent: () => {},
  ended: () => {},
};
