/** A part of the task page, with a heading that can be jumped to. */

import type { ComponentChildren } from "preact";

interface Props {
  id: string;
  title: string;
  count?: number | undefined;
  tools?: ComponentChildren;
  children: ComponentChildren;
}

export function Section({ id, title, count, tools, children }: Props) {
  return (
    <section class="task-section" aria-labelledby={`${id}-title`}>
      <div id={id} class="task-anchor task-section-head">
        <h2 id={`${id}-title`}>
          {title} {count ? <span class="soft num task-count">{count}</span> : null}
        </h2>
        {tools}
      </div>
      {children}
    </section>
  );
}

/** What a section is of. */
export interface Place {
  flow: string;
  run: string;
  step: string;
  task: string;
  attempt: number;
}
