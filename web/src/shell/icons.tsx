/** The icons: drawn for this page, one line each, in the colour of the text around them. */
import type { ReactNode } from "react";

function icon(content: ReactNode, flip = false) {
  return function Icon() {
    return (
      <svg className={flip ? "icon flip" : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        {content}
      </svg>
    );
  };
}

export const line = (d: string, flip = false) => icon(<path d={d} />, flip);

export const MenuIcon = line("M4 7.5h16M4 12h16M4 16.5h10", true);
export const PanelIcon = line("M6.5 4.5h11a2.5 2.5 0 0 1 2.5 2.5v10a2.5 2.5 0 0 1-2.5 2.5h-11A2.5 2.5 0 0 1 4 17V7a2.5 2.5 0 0 1 2.5-2.5ZM9.5 4.5v15", true);
export const PlusIcon = line("M12 5v14M5 12h14");
export const SearchIcon = line("M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM16.2 16.2 20 20");
export const ShareIcon = line("M12 15V4M8 7.5 12 3.5l4 4M5 12v6a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-6");
export const SendIcon = line("M12 19V5.5M6 11.5l6-6 6 6");
export const CopyIcon = line("M10.5 8.5h8a1.5 1.5 0 0 1 1.5 1.5v8.5a1.5 1.5 0 0 1-1.5 1.5h-8A1.5 1.5 0 0 1 9 18.500V10a1.5 1.5 0 0 1 1.5-1.500ZM5.5 15.500A1.5 1.5 0 0 1 4 14V5.500A1.5 1.5 0 0 1 5.5 4h8.500a1.5 1.5 0 0 1 1.5 1.5");
export const CheckIcon = line("m5 12.5 4.5 4.500L19 7.5");
export const UpIcon = line("M7.5 11v8.500H5A1.5 1.5 0 0 1 3.5 18v-5.500A1.5 1.5 0 0 1 5 11h2.500Zm0 0 3.7-7c1.4 0 2.5 1.1 2.5 2.500V9.500h4.600a2 2 0 0 1 2 2.400l-1.2 6a2 2 0 0 1-2 1.600H7.5");
export const DownIcon = line("M16.5 13V4.500H19A1.5 1.5 0 0 1 20.5 6v5.500A1.5 1.5 0 0 1 19 13h-2.500Zm0 0-3.7 7a2.5 2.5 0 0 1-2.5-2.500v-3H5.700a2 2 0 0 1-2-2.400l1.2-6a2 2 0 0 1 2-1.600h9.6");
export const AgainIcon = line("M19.5 12a7.5 7.5 0 1 1-2.4-5.500M19.5 4v4h-4");
export const EditIcon = line("m4.5 19.5.9-3.900L15.9 5.100a1.8 1.8 0 0 1 2.5 0l.5.5a1.8 1.8 0 0 1 0 2.500L8.4 18.600l-3.9.9ZM14 7l3 3");
export const TrashIcon = line("M4.5 7h15M9.5 7V4.500h5V7M6.5 7l.8 11a2 2 0 0 0 2 1.900h5.400a2 2 0 0 0 2-1.900l.8-11M10.2 11v5M13.8 11v5");
export const CloseIcon = line("m6.5 6.5 11 11M17.5 6.500l-11 11");
export const PreviousIcon = line("m14.5 6-6 6 6 6", true);
export const NextIcon = line("m9.5 6 6 6-6 6", true);
export const LatestIcon = line("M12 5v13.500M6 12.500l6 6 6-6");
export const ImageIcon = line("M6 5h12a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2ZM4.5 16l4.5-4.5 4 4 2.5-2.5 4 4M15 9.500h.01");
export const SourceIcon = line("M10 14a4 4 0 0 0 5.7 0l2.6-2.600a4 4 0 0 0-5.7-5.700l-1 1M14 10a4 4 0 0 0-5.7 0l-2.6 2.600a4 4 0 0 0 5.7 5.700l1-1");
export const SunIcon = line("M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.400M18.4 5.6 17 7M7 17l-1.4 1.4");
export const GlobeIcon = line("M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM3.5 12h17M12 3.500c2.3 2.4 3.5 5.2 3.5 8.500s-1.2 6.1-3.5 8.500c-2.3-2.4-3.5-5.2-3.5-8.500s1.2-6.1 3.5-8.500Z");
export const KeyboardIcon = line("M5 6.500h14a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2ZM6.5 10h.01M10.2 10h.01M13.9 10h.01M17.5 10h.01M8 14h8");
export const ExportIcon = line("M12 4v11M8 11.500l4 4 4-4M5 16.500V18a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-1.5");
export const ThoughtIcon = line("M12 20a8 8 0 1 1 8-8c0 2.2-1.3 3.5-3 3.500S14 14.2 14 12V9M14 12a2.8 2.8 0 1 1-5.6 0 2.8 2.8 0 0 1 5.6 0Z");
export const ToolIcon = line("M14.6 6.400a4 4 0 0 1 5-1.700l-2.7 2.7.3 2 2 .3 2.7-2.700a4 4 0 0 1-5.3 4.800l-7.2 7.200a2 2 0 0 1-2.9-2.900l7.2-7.200a4 4 0 0 1 .9-2.500Z");
export const WarningIcon = line("M12 9v4.500M12 16.800h.01M10.3 4.5 3.4 16.600a2 2 0 0 0 1.7 3h13.800a2 2 0 0 0 1.7-3L13.7 4.500a2 2 0 0 0-3.4 0Z");
export const ClockIcon = line("M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7.500V12l3 2");
export const OpenIcon = line("M13.5 5H19v5.5M19 5l-8 8M10.5 6H7a2 2 0 0 0-2 2v9a2 2 0 0 0 2 2h9a2 2 0 0 0 2-2v-3.5", true);
export const ExpandIcon = line("m6.5 9.5 5.5 5.5 5.5-5.5");
export const MoreIcon = icon(
  <g className="solid">
    <circle cx="5.5" cy="12" r="1.5" />
    <circle cx="12" cy="12" r="1.5" />
    <circle cx="18.5" cy="12" r="1.5" />
  </g>,
);
export const StopIcon = icon(<rect className="solid" x="7" y="7" width="10" height="10" rx="2" />);
export const UncheckedIcon = icon(<rect x="4.5" y="4.5" width="15" height="15" rx="3.5" />);
export const CheckedIcon = icon(
  <>
    <rect className="filled" x="4.5" y="4.5" width="15" height="15" rx="3.5" />
    <path className="inverse" d="m8.3 12.3 2.6 2.6 4.9-5.5" />
  </>,
);
