/** The agent, for embedding and for `troupe agent`. It knows the wire's protos and nothing else of Troupe. */
export { type Agent, type AgentEnd, startAgent } from "./agent.ts";
export { AgentError, exitCodes } from "./agent-error.ts";
export { type AgentLog, lineLog, silentLog } from "./agent-log.ts";
export type { AgentOptions, TokenSource } from "./agent-options.ts";
export type { AgentClock, AgentTimer } from "./clock.ts";
export type { AgentFlags } from "./command-line.ts";
export { agentLimits } from "./limits.ts";
export type { Dialer, Link, LinkEvents, LinkLoss } from "./link.ts";
export { packArchive } from "./pack-archive.ts";
export { runAgent } from "./program.ts";
export type { FromServer, ToServer } from "./session-messages.ts";
export { ArchiveError, unpackArchive } from "./unpack-archive.ts";
