/**
 * Errors across gRPC, both ways. The status is for anyone's client; the code and the details travel
 * beside it in the metadata, so that our own client throws the error that the server threw.
 */
import { Metadata, type ServiceError, type StatusObject, status } from "@grpc/grpc-js";
import {
  type ErrorCode,
  type ErrorDetails,
  errorTable,
  isTroupeError,
  reasonOf,
  TroupeError,
} from "../actors/kernel/index.ts";

const statusOf: { readonly [C in ErrorCode]?: status } = {
  TROUPE_RUN_NOT_FOUND: status.NOT_FOUND,
  TROUPE_JOB_NOT_FOUND: status.NOT_FOUND,
  TROUPE_JOB_FILE_NOT_FOUND: status.NOT_FOUND,
  TROUPE_GONE_BY_RETENTION: status.NOT_FOUND,
  TROUPE_BLOB_NOT_FOUND: status.NOT_FOUND,
  TROUPE_CACHE_NOT_FOUND: status.NOT_FOUND,
  TROUPE_REQUEST_INVALID: status.INVALID_ARGUMENT,
  TROUPE_PIPELINE_INVALID: status.INVALID_ARGUMENT,
  TROUPE_RUN_INVALID: status.INVALID_ARGUMENT,
  TROUPE_COMMAND_INVALID: status.INVALID_ARGUMENT,
  TROUPE_OPTION_INVALID: status.INVALID_ARGUMENT,
  TROUPE_PAYLOAD_INVALID: status.INVALID_ARGUMENT,
  TROUPE_EVENT_TOO_LARGE: status.INVALID_ARGUMENT,
  TROUPE_TOKEN_REFUSED: status.UNAUTHENTICATED,
  TROUPE_AGENT_REFUSED: status.UNAUTHENTICATED,
  TROUPE_AGENT_DENIED: status.UNAUTHENTICATED,
  TROUPE_AGENT_NOT_FOUND: status.NOT_FOUND,
  TROUPE_CERTIFICATE_EXPIRED: status.UNAUTHENTICATED,
  TROUPE_ENROLMENT_THROTTLED: status.RESOURCE_EXHAUSTED,
  TROUPE_AUTHORITY_LOCKED: status.FAILED_PRECONDITION,
  TROUPE_TLS_OFF: status.FAILED_PRECONDITION,
  TROUPE_COMMAND_REJECTED: status.FAILED_PRECONDITION,
  TROUPE_JOURNAL_READ_ONLY: status.FAILED_PRECONDITION,
  TROUPE_JOURNAL_IN_USE: status.FAILED_PRECONDITION,
  TROUPE_JOURNAL_FULL: status.RESOURCE_EXHAUSTED,
  TROUPE_MAILBOX_FULL: status.RESOURCE_EXHAUSTED,
  TROUPE_JOURNAL_CORRUPT: status.DATA_LOSS,
  TROUPE_ASK_TIMEOUT: status.DEADLINE_EXCEEDED,
  TROUPE_JOURNAL_UNCERTAIN: status.ABORTED,
  TROUPE_SHARD_DEPOSED: status.ABORTED,
};

const errorKey = "troupe-error-bin";
/** HTTP/2 headers are bounded (64 KiB as a rule); an error must never be the reason a stream breaks. */
const messageCharactersMax = 4_000;
const detailsBytesMax = 16_000;
const listItemsMax = [50, 10, 2];

/** What a gRPC handler answers with when it failed with `error`. */
export function serviceErrorOf(
  error: unknown,
): Pick<StatusObject, "code" | "details" | "metadata"> {
  const metadata = new Metadata();
  if (!isTroupeError(error)) {
    return { code: status.INTERNAL, details: headerText(reasonOf(error)), metadata };
  }
  const packed = packDetails(error.code, error.details);
  if (packed !== undefined) metadata.set(errorKey, packed);
  const known: status | undefined = statusOf[error.code];
  const code = known ?? (error.retryable ? status.UNAVAILABLE : status.INTERNAL);
  return { code, details: headerText(error.message), metadata };
}

/** The error that a call to a server ended with, as the server threw it where that is known. */
export function troupeErrorOf(error: unknown, call: { name: string; server: string }): TroupeError {
  if (isTroupeError(error)) return error;
  if (!isServiceError(error)) {
    return new TroupeError(
      "TROUPE_SERVER_FAILED",
      { call: call.name, reason: reasonOf(error) },
      { cause: error },
    );
  }
  const [packed] = error.metadata?.get(errorKey) ?? [];
  const thrown = packed === undefined ? undefined : unpackError(packed, error);
  if (thrown !== undefined) return thrown;
  if (error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED) {
    const reason = connectionReason(error.details || error.message);
    return new TroupeError(
      "TROUPE_SERVER_UNREACHABLE",
      { server: call.server, reason },
      { cause: error },
    );
  }
  const reason = error.details || error.message;
  return new TroupeError("TROUPE_SERVER_FAILED", { call: call.name, reason }, { cause: error });
}

/** What the library says about a connection, without its frame around it. */
function connectionReason(details: string): string {
  return details
    .replace(/^No connection established\. Last error: (?:Error: )?/, "")
    .replace(/\. Resolution note: .*$/s, "");
}

/** Was it this side that ended the call? */
export function isCancelled(error: unknown): boolean {
  return isServiceError(error) && error.code === status.CANCELLED;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number";
}

/** A status message is percent-encoded into a header: whole characters, and not too many. */
function headerText(text: string): string {
  const cut =
    text.length > messageCharactersMax ? `${text.slice(0, messageCharactersMax)} …` : text;
  // A lone surrogate cannot be encoded; going through UTF-8 replaces it.
  return Buffer.from(cut, "utf8").toString("utf8");
}

/** undefined = it cannot be made small enough; the status and its text must do. */
function packDetails(code: ErrorCode, details: unknown): Buffer | undefined {
  for (const itemsMax of listItemsMax) {
    const packed = Buffer.from(JSON.stringify({ code, details: shortened(details, itemsMax) }));
    if (packed.byteLength <= detailsBytesMax) return packed;
  }
  return undefined;
}

function shortened(value: unknown, itemsMax: number): unknown {
  if (typeof value === "string") return headerText(value);
  if (Array.isArray(value))
    return value.slice(0, itemsMax).map((item) => shortened(item, itemsMax));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [key, shortened(item, itemsMax)]));
}

/** undefined = a code that this version does not know, or details that do not fit it. */
function unpackError(packed: string | Buffer, cause: Error): TroupeError | undefined {
  try {
    const { code, details } = JSON.parse(packed.toString()) as { code: string; details: unknown };
    if (!Object.hasOwn(errorTable, code)) return undefined;
    const known = code as ErrorCode;
    return new TroupeError(known, details as ErrorDetails[typeof known], { cause });
  } catch {
    return undefined;
  }
}
