import styles from "./Centre.module.css";

/** One line across the page, drawn once, that loops and goes on. */
export function Line() {
  return (
    <svg className={styles.line} viewBox="0 0 1440 900" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
      <path
        pathLength="100"
        d="M-40 690 C 180 650 300 800 520 780 C 820 752 1010 560 1110 400 C 1190 270 1180 130 1070 120 C 960 112 930 260 1010 370 C 1110 510 1290 520 1500 430"
      />
    </svg>
  );
}
