export interface Props {
  flow: string;
  run: string;
  step: string;
  task: string;
  attempt?: number | undefined;
}

export function TaskPage({ flow, run, step, task }: Props) {
  return <p>{[flow, run, step, task].join("/")}</p>;
}
