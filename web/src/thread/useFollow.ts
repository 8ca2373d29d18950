import { type RefCallback, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** As close to the end as this counts as being there. */
const NEAR = 100;

export interface Follow {
  /** The two elements to watch: the one that scrolls, and what is in it. */
  readonly scroller: RefCallback<HTMLElement>;
  readonly content: RefCallback<HTMLElement>;
  /** The view stays at the end while text arrives. */
  readonly following: boolean;
  /** To the end, and stay there. */
  readonly jump: () => void;
}

const distance = (element: HTMLElement): number => element.scrollHeight - element.scrollTop - element.clientHeight;

/**
 * Keeps the end in view, until the reader scrolls up; from then on nothing moves under their eyes until they come back.
 *
 * Scrolling that the page does itself is not the reader's: it is known by where it led to. What counts as the reader's is
 * a position further up than before in a content that did not get shorter.
 */
export function useFollow(): Follow {
  const [scroller, setScroller] = useState<HTMLElement | null>(null);
  const [content, setContent] = useState<HTMLElement | null>(null);
  const now = useRef({ following: true, top: 0, height: 0 });
  const [following, setFollowing] = useState(true);

  const set = useCallback((value: boolean) => {
    now.current.following = value;
    setFollowing(value);
  }, []);

  const pin = useCallback(() => {
    if (!scroller) return;
    scroller.scrollTop = scroller.scrollHeight;
    now.current.top = scroller.scrollTop;
    now.current.height = scroller.scrollHeight;
  }, [scroller]);

  const jump = useCallback(() => {
    set(true);
    pin();
  }, [set, pin]);

  useLayoutEffect(pin, [pin]);

  useEffect(() => {
    if (!scroller || !content) return;
    const look = () => {
      const { top, height } = now.current;
      const moved = scroller.scrollTop - top;
      const shorter = scroller.scrollHeight < height;
      now.current.top = scroller.scrollTop;
      now.current.height = scroller.scrollHeight;
      if (Math.abs(moved) < 1) return;
      if (moved < 0 && !shorter) set(distance(scroller) < 1);
      else if (distance(scroller) <= NEAR) set(true);
    };

    // after layout, when positions cost nothing to read; a scroll event comes before it
    let later: ReturnType<typeof setTimeout> | undefined;
    const scrolled = () => {
      later ??= setTimeout(() => {
        later = undefined;
        look();
      });
    };
    const resized = new ResizeObserver(() => {
      look();
      if (now.current.following) pin();
    });
    resized.observe(content);
    resized.observe(scroller);
    scroller.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      clearTimeout(later);
      resized.disconnect();
      scroller.removeEventListener("scroll", scrolled);
    };
  }, [scroller, content, pin, set]);

  return { scroller: setScroller, content: setContent, following, jump };
}
