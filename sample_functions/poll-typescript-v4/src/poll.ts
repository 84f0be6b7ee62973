// Shared by the functions: choices, and what was voted since the start.
export enum Choice {
  Tea = "tea",
  Coffee = "coffee",
}

const votes = new Map<Choice, number>(Object.values(Choice).map((choice) => [choice, 0]));

export function isChoice(text: string): text is Choice {
  return votes.has(text as Choice);
}

export function count(choice: Choice): Record<string, number> {
  votes.set(choice, votes.get(choice)! + 1);
  return Object.fromEntries(votes);
}
