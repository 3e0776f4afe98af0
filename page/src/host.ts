// The page's model, for the views in files of their own.

import type { Writing } from "./engine";

export interface Host {
  /** Does `work`; a refusal becomes a sentence on the page. */
  tell(work: () => Promise<void>): Promise<void>;
  /** Does `work` when no other work has the engine's one model. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Has the engine hold the page's model; returns its file. Called within `alone`. */
  ready(): Promise<Uint8Array<ArrayBuffer>>;
  /** The settings of a text. */
  writing(): Writing;
}
