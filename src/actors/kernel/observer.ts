import type { DeadLetterReason } from "./dead-letters.ts";

/** What the kernel reports as it runs. Every method is optional; one that is absent costs nothing. */
export interface Observer {
  actorStarted?(kind: string, path: string): void;
  actorStopped?(kind: string, path: string): void;
  actorFailed?(kind: string, path: string, error: unknown): void;
  actorRestarted?(kind: string, path: string): void;
  deadLetter?(to: string, reason: DeadLetterReason): void;
}
