import { Empty } from "../parts";
import { href } from "../router";
import { useTitle } from "./Shell";

/** An address that leads nowhere. */
export function NotFound({ what = "page" }: { what?: string }) {
  useTitle(`No such ${what}`);
  return (
    <Empty title={`No such ${what}`} page>
      <p>The address may be mistyped, or it may be of another stack.</p>
      <a class="button" href={href([])}>
        All runs
      </a>
    </Empty>
  );
}
