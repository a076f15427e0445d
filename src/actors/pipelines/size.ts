/** Sizes as people write them: `512MiB`, `1.5 GiB`, `64KB`; also `512Mi`, as Kubernetes has it. */

const unitBytes: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** Whole bytes, or undefined for what is not a size. A number without a unit is none: nobody can tell what it means. */
export function parseSize(text: string): number | undefined {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim()) ?? [];
  const bytes = unitBytes[unit.toLowerCase().replace(/^([kmgt]i)b$/, "$1")];
  return amount === undefined || bytes === undefined
    ? undefined
    : Math.round(Number(amount) * bytes);
}

/** `512 MiB`, `1.5 GiB`, `10 B`: in the largest unit, exact below ten of it. */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1_024 && unit < units.length - 1) {
    size /= 1_024;
    unit++;
  }
  return `${Number(size.toFixed(size < 10 ? 1 : 0))} ${units[unit]}`;
}
