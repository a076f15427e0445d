/** Ten secrets as services give them out: forty characters with what URLs and JSON escape. */
import { createHash } from "node:crypto";

export const secretNames: readonly string[] = Array.from({ length: 10 }, (_, n) => `SECRET_${n}`);

export function secretOf(name: string): string {
  const hash = createHash("sha256").update(name).digest("base64");
  return `${hash.slice(0, 20)}/+&"${hash.slice(20, 36)}`;
}
