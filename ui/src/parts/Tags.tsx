/** Tags as chips; each may lead somewhere. */

interface Props {
  tags: readonly string[];
  /** How many to show before "+n". */
  most?: number;
  hrefOf?: (tag: string) => string;
}

export function Tags({ tags, most = Infinity, hrefOf }: Props) {
  const shown = tags.slice(0, most);
  const rest = tags.slice(shown.length);
  return (
    <span class="tags">
      {shown.map((tag) =>
        hrefOf ? (
          <a key={tag} class="tag" href={hrefOf(tag)} title={tag}>
            <bdi>{tag}</bdi>
          </a>
        ) : (
          <span key={tag} class="tag" title={tag}>
            <bdi>{tag}</bdi>
          </span>
        ),
      )}
      {rest.length > 0 && (
        <span class="tag tag-more" title={rest.join("\n")}>
          +{rest.length}
        </span>
      )}
    </span>
  );
}
