import type { File } from "../../client/protocol";
import { ImageIcon, line } from "../shell/icons";

const SheetIcon = line("M7 3.5h7l4.5 4.500V18.500a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2v-13a2 2 0 0 1 2-2ZM13.5 3.500V8.500h5M8.5 13h6.500M8.5 16.500h4.5");
const SoundIcon = line("M9.5 17.500V6l9-2v11.500M9.5 17.500a2.5 2.5 0 1 1-2.5-2.5 2.5 2.5 0 0 1 2.5 2.500ZM18.5 15.500a2.5 2.5 0 1 1-2.5-2.5 2.5 2.5 0 0 1 2.5 2.500Z");
const FilmIcon = line("M6 5h12a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2ZM10.5 9v6l4.5-3Z");
const TableIcon = line("M6 5h12a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2ZM4 10h16M4 14.500h16M10 10v9");
const BoxIcon = line("M5 8.500h14V18a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2ZM4 4.500h16v4H4ZM10 12.500h4");

const ICONS = [
  [/^image\//, ImageIcon],
  [/^audio\//, SoundIcon],
  [/^video\//, FilmIcon],
  [/csv|sheet|excel/, TableIcon],
  [/zip|tar|compressed|archive/, BoxIcon],
] as const;

/** What sort of file it is. */
export function FileIcon({ file }: { file: File }) {
  const Icon = ICONS.find(([type]) => type.test(file.media_type ?? ""))?.[1] ?? SheetIcon;
  return <Icon />;
}
