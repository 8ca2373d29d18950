import type { Tokens } from "marked";
import { memo } from "react";

import { useText } from "../i18n/useText";
import { inline } from "./inline";

import styles from "./Table.module.css";

const ALIGN = { left: styles.left, center: styles.center, right: styles.right };

interface RowProps {
  cells: readonly Tokens.TableCell[];
  version: number;
}

const same = (before: RowProps, after: RowProps): boolean =>
  before.version === after.version &&
  before.cells.length === after.cells.length &&
  before.cells.every((cell, index) => cell.text === after.cells[index]?.text && cell.align === after.cells[index].align);

/** One row; a long table renders only the one that is being written. */
const Row = memo(
  ({ cells }: RowProps) => (
    <tr>
      {cells.map((cell, index) => {
        const align = cell.align ? ALIGN[cell.align] : undefined;
        return cell.header ? (
          <th key={index} scope="col" className={align}>
            {inline(cell.tokens)}
          </th>
        ) : (
          <td key={index} className={align}>
            {inline(cell.tokens)}
          </td>
        );
      })}
    </tr>
  ),
  same,
);

/** A table that is wider than the page scrolls by itself, also with the keyboard. */
export function Table({ token, version }: { token: Tokens.Table; version: number }) {
  const text = useText();
  return (
    <div className={styles.scroll} role="group" aria-label={text("table")} tabIndex={0} dir="auto">
      <table>
        <thead>
          <Row cells={token.header} version={version} />
        </thead>
        <tbody>
          {token.rows.map((cells, index) => (
            <Row key={index} cells={cells} version={version} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
