import styles from "./Parts.module.css";

const show = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

/** Something that programs said to each other, as it was said. */
export function Value({ label, value }: { label: string; value: unknown }) {
  return (
    <pre className={styles.value} role="group" aria-label={label} tabIndex={0} dir="ltr">
      {show(value)}
    </pre>
  );
}
