// Every number behind a token of the text that was written.

import { inside } from "../../trainer/src/explain/inside.js";
import { ask } from "./engine";
import type { Writing } from "./engine";
import type { Host } from "./host";

const get = (id: string) => document.getElementById(id)!;

/** Shows the numbers of the token that is looked at; null before there is a text. */
let shown: (() => Promise<void>) | null = null;

export function setUp({ tell, alone }: Host) {
  (get("numbers-shown") as HTMLDetailsElement).ontoggle = () => tell(() => alone(refresh));
}

/** From now on, the text is the one that `settings` write, and the token the one behind `after()` others of it. `hold` has the engine
 * hold the model that wrote it. */
export function follow(settings: Writing, after: () => number, hold: () => Promise<unknown>) {
  shown = async () => {
    await hold();
    inside(get("inside"), await ask({ do: "explain", writing: settings, after: after() }));
  };
}

/** Shows the numbers again, if anybody sees them. */
export async function refresh() {
  if ((get("numbers-shown") as HTMLDetailsElement).open) await shown?.();
}
