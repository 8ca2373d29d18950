import { useEffect, useState } from "react";

const seconds = (until: number | undefined): number => Math.max(0, Math.ceil(((until ?? 0) - Date.now()) / 1000));

interface Props {
  /** Milliseconds since 1970. */
  until: number | undefined;
  say: (seconds: number) => string;
}

/** Counts down to a moment, second by second. */
export function Countdown({ until, say }: Props) {
  const [left, setLeft] = useState(() => seconds(until));
  useEffect(() => {
    setLeft(seconds(until));
    const timer = setInterval(() => setLeft(seconds(until)), 250);
    return () => clearInterval(timer);
  }, [until]);
  return <>{say(left)}</>;
}
