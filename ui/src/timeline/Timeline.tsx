import type { UIStep, UITask } from "../api";

export interface Props {
  steps: UIStep[];
  tasks: UITask[];
  now: number;
  running: boolean;
  onOpen: (task: UITask) => void;
  selectedStep?: string | undefined;
}

export function Timeline({ steps }: Props) {
  return <p>{steps.length} steps</p>;
}
