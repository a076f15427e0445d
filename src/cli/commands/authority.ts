/** `troupe authority`: the certificate authorities that agents and servers trust, and a new one. */
import type { AuthorityView } from "../../../proto/troupe/control/v1/control.ts";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { table } from "../render/table.ts";
import { withClient } from "../with-client.ts";

export interface AuthorityOptions {
  readonly data: string;
  readonly json?: boolean;
  /** The certificates themselves, for `--tls-ca`. */
  readonly pem?: boolean;
}

export interface RotateOptions extends AuthorityOptions {
  /** In seconds. */
  readonly overlap?: number;
}

export function listAuthorities(context: CliContext, options: AuthorityOptions): Promise<number> {
  return withClient(context, options.data, async (client) => {
    show(context, options, (await client.listAuthorities({})).authorities);
    return exitCodes.ok;
  });
}

export function rotateAuthority(context: CliContext, options: RotateOptions): Promise<number> {
  return withClient(context, options.data, async (client) => {
    const { overlap } = options;
    const request = overlap === undefined ? {} : { overlapMs: overlap * 1_000 };
    show(context, options, (await client.rotateAuthority(request)).authorities);
    return exitCodes.ok;
  });
}

function show(
  { stdout }: CliContext,
  { json, pem }: AuthorityOptions,
  authorities: readonly AuthorityView[],
): void {
  if (pem === true) {
    for (const { certificatePem } of authorities) stdout.write(`${certificatePem.trim()}\n`);
    return;
  }
  if (json === true) {
    for (const authority of authorities) stdout.write(`${JSON.stringify(authority)}\n`);
    return;
  }
  const rows = authorities.map((authority) => [
    authority.authorityId,
    new Date(authority.createdAtMs).toISOString(),
    new Date(authority.trustedUntilMs).toISOString(),
    [authority.signsAgents ? "agents" : "", authority.signsServers ? "servers" : ""]
      .filter((part) => part !== "")
      .join(", "),
  ]);
  const header = ["FINGERPRINT", "SINCE", "TRUSTED UNTIL", "SIGNS"];
  stdout.write(`${table([header, ...rows]).join("\n")}\n`);
}
