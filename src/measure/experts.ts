/** Name that the measurement of one of several stacked matrices is filed under. */
export function expertName(tensor: string, expert: number): string {
  return `${tensor}[${expert}]`;
}

/** The tensor that a measurement's name belongs to. */
export function wholeName(name: string): string {
  const at = name.indexOf('[');
  return at === -1 ? name : name.slice(0, at);
}

/** Numbers left out: what the same matrix of all blocks, and of all experts, is called. */
export function kindName(name: string): string {
  return name.replaceAll(/\d+/g, '#');
}
