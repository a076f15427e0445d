/** Resolves when `holds` does; rejects, naming what was waited for, after `deadlineMs`. */
export async function until(
  holds: () => boolean,
  what: string,
  deadlineMs = 60_000,
): Promise<void> {
  const giveUpAt = Date.now() + deadlineMs;
  while (!holds()) {
    if (Date.now() > giveUpAt)
      throw new Error(`gave up waiting for ${what} after ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
