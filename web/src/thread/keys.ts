import type { KeyboardEvent } from "react";

/** The key belongs to an input method that composes a character: Enter there accepts the character and nothing else. */
export function composing(event: KeyboardEvent): boolean {
  // Safari ends the composition before this event, but still marks its key with 229
  return event.nativeEvent.isComposing || event.keyCode === 229;
}

/** A keyboard on glass: Enter has to be a new line there, for there is no Shift+Enter. */
export const onGlass = (): boolean => matchMedia("(pointer: coarse) and (hover: none)").matches;
