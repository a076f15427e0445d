/** Why a process could not be prepared or started, for the person who reads the job's result. */
import { LimitRefusedError } from "./cgroup.ts";

export function startProblem(error: unknown): string {
  if (error instanceof LimitRefusedError) {
    return `this agent's kernel does not take the job's limits: ${error.message}`;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return "the agent's work folder has no space left: free some, or give it a larger disk";
    case "EROFS":
    case "EACCES":
    case "EPERM":
      return `the agent may not write its work folder or run the shell there: ${message}`;
    case "E2BIG":
      return "the job's environment is too large for this system: pass long values through files";
    case "EAGAIN":
    case "ENOMEM":
    case "EMFILE":
    case "ENFILE":
      return `the agent's machine has no processes, files or memory left (${code})`;
    default:
      return `the job could not be started: ${message}`;
  }
}
