/** The stack behind this page: its programs, what is saved, and how to use it from elsewhere. */

import { useEffect } from "preact/hooks";

import { fetchStack, useLoad, type StackInfo } from "../api";
import { CopyButton, Failure, Skeleton, formatBytes } from "../parts";
import { NotFound, useTitle } from "../shell";
import { ClientSettings } from "./ClientSettings";
import { Mirror } from "./Mirror";
import { Programs } from "./Programs";
import { Snapshots } from "./Snapshots";

const EVERY_MS = 2000;

export function StackPage() {
  useTitle("Stack");
  const stack = useLoad("stack", fetchStack);
  const { again } = stack;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) again();
    }, EVERY_MS);
    return () => clearInterval(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- again is the same for the life of the view
  }, []);
  if (stack.error?.notFound) return <NotFound />;
  if (!stack.data) {
    if (stack.error) return <Failure error={stack.error} what="the stack" again={again} />;
    return <Skeleton height={480} />;
  }
  return <Whole info={stack.data} />;
}

function Whole({ info }: { info: StackInfo }) {
  const skew = info.now === null ? 0 : Date.now() - info.now * 1000;
  return (
    <div class="stack">
      <header class="stack-head">
        <h1 class="breaks">Stack{info.name && <span class="soft"> on <bdi>{info.name}</bdi></span>}</h1>
        {info.version && <span class="soft">metaflow-anywhere {info.version}</span>}
      </header>
      <dl class="facts stack-facts">
        <Address label="Here" url={info.url} />
        {info.public_url !== info.url && <Address label="Public" url={info.public_url} />}
        {info.root && (
          <div>
            <dt>Root</dt>
            <dd class="mono breaks">{info.root}</dd>
          </div>
        )}
        <Disk disk={info.disk} />
      </dl>
      <Mirror mirror={info.mirror} skew={skew} />
      <Programs programs={info.programs ?? []} />
      <Snapshots snapshots={info.snapshots ?? []} skew={skew} />
      <ClientSettings client={info.client} />
    </div>
  );
}

function Address({ label, url }: { label: string; url: string | null }) {
  if (!url) return null;
  return (
    <div class="stack-address">
      <dt>{label}</dt>
      <dd>
        <a href={url} data-external class="breaks">
          {url}
        </a>
        <CopyButton text={url} label={`Copy the ${label.toLowerCase()} address`} small />
      </dd>
    </div>
  );
}

const LOW_SHARE = 0.05;

function Disk({ disk }: { disk: StackInfo["disk"] }) {
  if (disk?.free === null || disk?.free === undefined) return null;
  const low = disk.total !== null && disk.free < disk.total * LOW_SHARE;
  return (
    <div>
      <dt>Free in root</dt>
      <dd class={low ? "is-failed num" : "num"}>
        {formatBytes(disk.free)}
        {disk.total !== null && ` of ${formatBytes(disk.total)}`}
        {low && ", almost full"}
      </dd>
    </div>
  );
}

