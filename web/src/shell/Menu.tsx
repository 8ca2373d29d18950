import { type KeyboardEvent, type ReactNode, type ToggleEvent, useId, useRef } from "react";

import styles from "./Menu.module.css";

interface Props {
  /** What the button says to those who do not see its icon. */
  label: string;
  icon: ReactNode;
  children: ReactNode;
  className?: string | undefined;
}

const GAP = 6;

/** Beside the button, on the side where there is room. */
function place(menu: HTMLElement, button: HTMLElement): void {
  const from = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = from.bottom + GAP + height <= innerHeight || from.top - GAP - height < 0;
  const leftwards = from.left + from.width / 2 > innerWidth / 2;
  const left = leftwards ? from.right - width : from.left;
  menu.style.top = `${below ? from.bottom + GAP : from.top - GAP - height}px`;
  menu.style.left = `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`;
}

/** A button that opens a short list of things to do. */
export function Menu({ label, icon, children, className }: Props) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);

  const items = () => [...(menu.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];

  const onToggle = (event: ToggleEvent<HTMLDivElement>) => {
    if (event.newState !== "open" || !menu.current || !button.current) return;
    place(menu.current, button.current);
    const all = items();
    (all.find((item) => item.ariaCurrent) ?? all[0])?.focus({ preventScroll: true });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Tab") menu.current?.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    all.at(to % all.length)?.focus();
  };

  return (
    <>
      <button ref={button} type="button" className={className ?? "quiet"} aria-label={label} title={label} aria-haspopup="menu" popoverTarget={id}>
        {icon}
      </button>
      <div
        ref={menu}
        id={id}
        popover="auto"
        role="menu"
        aria-label={label}
        className={styles.menu}
        onToggle={onToggle}
        onKeyDown={onKeyDown}
        onClick={() => menu.current?.hidePopover()}
      >
        {children}
      </div>
    </>
  );
}

interface ItemProps {
  icon: ReactNode;
  danger?: boolean;
  /** It has the focus when the menu opens. */
  current?: boolean;
  onClick: () => void;
  children: ReactNode;
}

export function MenuItem({ icon, danger = false, current = false, onClick, children }: ItemProps) {
  return (
    <button
      type="button"
      role="menuitem"
      tabIndex={-1}
      className={styles.item}
      data-danger={danger || undefined}
      aria-current={current || undefined}
      onClick={onClick}
    >
      {icon}
      {children}
    </button>
  );
}
