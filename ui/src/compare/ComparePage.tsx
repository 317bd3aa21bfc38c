export function ComparePage({ flow, run }: { flow: string; run: string }) {
  return <p>{`${flow}/${run}`}</p>;
}
