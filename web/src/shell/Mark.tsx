/** The mark of Unbroken: one line that never ends. While an answer comes, a spark runs along it. */
const LINE = "M12 12c-2-3-3.7-4.5-5.8-4.500a4.5 4.5 0 1 0 0 9c2.1 0 3.8-1.5 5.8-4.500s3.7-4.5 5.8-4.500a4.5 4.5 0 1 1 0 9c-2.1 0-3.8-1.5-5.8-4.500Z";

export function Mark({ running = false }: { running?: boolean }) {
  return (
    <svg className="mark" data-running={running || undefined} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path className="mark-line" d={LINE} />
      {running && <path className="mark-spark" d={LINE} pathLength="100" />}
    </svg>
  );
}
