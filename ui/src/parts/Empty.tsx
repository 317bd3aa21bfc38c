/** What stands where there is nothing to show, and what stands there before it is known. */

import type { ComponentChildren } from "preact";

import type { ApiError } from "../api";

interface EmptyProps {
  title: string;
  /** It is all of the page, and its title the page's. */
  page?: boolean;
  children?: ComponentChildren;
}

export function Empty({ title, page = false, children }: EmptyProps) {
  return (
    <div class="empty" role="status">
      {page ? <h1 class="empty-title">{title}</h1> : <p class="empty-title">{title}</p>}
      {children !== undefined && <div class="empty-text">{children}</div>}
    </div>
  );
}

/** An error in place of the thing that could not be had. `what` completes "could not be loaded". */
export function Failure({ error, what, again }: { error: ApiError; what: string; again?: () => void }) {
  if (error.unreachable) return <Empty title={`Waiting for the backend to show ${what}`} />;
  return (
    <div class="empty" role="alert">
      <p class="empty-title">Could not load {what}</p>
      <div class="empty-text">
        <p class="breaks">{error.detail || error.id}</p>
        {error.status >= 500 && <p>The log of the UI backend may say why.</p>}
        {again && (
          <button type="button" class="button" onClick={again}>
            Try again
          </button>
        )}
      </div>
    </div>
  );
}

/** A quiet block of the size of what will come. `lines` of text, or a `height` in px. */
export function Skeleton({ lines = 1, height }: { lines?: number; height?: number }) {
  if (height !== undefined) return <div class="skeleton" aria-hidden="true" style={{ height: `${height}px` }} />;
  return (
    <div aria-hidden="true">
      {Array.from({ length: lines }, (_, index) => (
        <div key={index} class="skeleton skeleton-line" />
      ))}
    </div>
  );
}
