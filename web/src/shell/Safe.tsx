import { Component, type ReactNode } from "react";

interface Props {
  /** Shown as it is where its rendering fails. */
  text: string;
  children: ReactNode;
}

/** A text that cannot be rendered does not take the page with it: it is shown as it was written. */
export class Safe extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render(): ReactNode {
    return this.state.failed ? <p className="verbatim">{this.props.text}</p> : this.props.children;
  }
}
