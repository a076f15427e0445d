/** Labels, as jobs ask for them and workers have them. */

export type Labels = Readonly<Record<string, string>>;

/** The same text for the same labels, whatever their order. */
export function labelsKey(labels: Labels): string {
  const names = Object.keys(labels).sort();
  return JSON.stringify(names.map((name) => [name, labels[name]]));
}

/** Has a worker with `offered` all that is `asked` for? */
export function matches(asked: Labels, offered: Labels): boolean {
  return Object.entries(asked).every(
    ([name, value]) => Object.hasOwn(offered, name) && offered[name] === value,
  );
}

/** `{os=linux, gpu=a100}` for a sentence. */
export function labelsText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return `{${pairs.sort().join(", ")}}`;
}
