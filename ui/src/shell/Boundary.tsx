/** A fault in a view shows as a page that says so; the rest of the UI stays. */

import { Component, type ComponentChildren } from "preact";

interface Props {
  /** A change of this, as by moving on, tries again. */
  place: string;
  children: ComponentChildren;
}

export class Boundary extends Component<Props, { error: Error | null; place: string }> {
  override state = { error: null as Error | null, place: this.props.place };

  static override getDerivedStateFromError(error: Error) {
    return { error };
  }

  static override getDerivedStateFromProps(props: Props, state: { error: Error | null; place: string }) {
    return props.place === state.place ? null : { error: null, place: props.place };
  }

  render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div class="empty" role="alert">
        <p class="empty-title">This view met a fault of its own</p>
        <div class="empty-text">
          <p class="breaks mono">{error.message}</p>
          <button type="button" class="button" onClick={() => this.setState({ error: null })}>
            Try again
          </button>
        </div>
      </div>
    );
  }
}
