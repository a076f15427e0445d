/** Workers that note what sessions tell them and answer as a test says. */
import { TroupeError } from "../../src/actors/kernel/index.ts";
import {
  type AgentHello,
  type AgentLink,
  type AgentSession,
  type AttemptKey,
  type AttemptResult,
  attemptId,
  type FinishAnswer,
  type Workers,
} from "../../src/actors/workers/index.ts";

export interface Connection {
  readonly workerId: string;
  readonly hello: AgentHello;
  readonly session: AgentSession;
  readonly said: string[];
  readonly results: AttemptResult[];
  opened: boolean;
  closedBecause: string | undefined;
  heartbeats: number;
}

export class ScriptedWorkers implements Workers {
  readonly connections: Connection[] = [];
  readonly enrolments: string[] = [];
  disown: readonly AttemptKey[] = [];
  refuseConnect: string | undefined;
  finish: (attempt: AttemptKey, result: AttemptResult) => Promise<FinishAnswer> = async () => ({
    recorded: true,
    reason: "",
  });

  get latest(): Connection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("no agent has connected");
    return connection;
  }

  async enrolled(workerId: string): Promise<void> {
    this.enrolments.push(workerId);
  }

  async connect(workerId: string, hello: AgentHello, session: AgentSession): Promise<AgentLink> {
    if (this.refuseConnect !== undefined) {
      const problem = this.refuseConnect;
      throw new TroupeError("TROUPE_WORKER_REFUSED", { worker: workerId, problem });
    }
    const connection: Connection = {
      workerId,
      hello,
      session,
      said: [],
      results: [],
      opened: false,
      closedBecause: undefined,
      heartbeats: 0,
    };
    this.connections.push(connection);
    const note = (what: string) => (attempt: AttemptKey) => {
      connection.said.push(`${what} ${attemptId(attempt)}`);
    };
    return {
      workerId,
      disowned: this.disown,
      open: () => (connection.opened = true),
      heartbeat: () => (connection.heartbeats += 1),
      accepted: note("accepted"),
      started: async (attempt) => note("started")(attempt),
      finished: (attempt, result) => {
        note(result.outcome)(attempt);
        connection.results.push(result);
        return this.finish(attempt, result);
      },
      draining: async (reason) => {
        connection.said.push(`draining ${reason}`);
      },
      closed: (cause) => {
        if (connection.closedBecause !== undefined) throw new Error("closed twice");
        connection.closedBecause = cause;
      },
    };
  }

  async drain(): Promise<void> {}
  cancel(): void {}
  list() {
    return [];
  }
}
