/** Tabs that are links: each view has its own address. */

export interface Tab {
  id: string;
  label: string;
  href: string;
  count?: number | undefined;
}

export function Tabs({ tabs, selected, label }: { tabs: readonly Tab[]; selected: string; label: string }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.id} href={tab.href} class="tab" aria-current={tab.id === selected ? "page" : undefined}>
          {tab.label}
          {tab.count !== undefined && <span class="tab-count num">{tab.count.toLocaleString("en-US")}</span>}
        </a>
      ))}
    </nav>
  );
}
