import type { Dag, UITask } from "../api";

export interface Props {
  dag: Dag | null;
  tasks: UITask[];
  onStep: (name: string) => void;
}

export function Graph({ dag }: Props) {
  return <p>{Object.keys(dag?.steps ?? {}).length} steps</p>;
}
