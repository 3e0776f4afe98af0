// The run that the browser keeps, so that a reload loses nothing.

import type { Config } from "./engine";

export interface Kept { kind: string; name: string; seed: number; shape: Config | null; text: Uint8Array; checkpoint: Uint8Array | null }

const opened = new Promise<IDBDatabase>((done, failed) => {
  const open = indexedDB.open("pipsqueak", 1);
  open.onupgradeneeded = () => open.result.createObjectStore("runs");
  open.onerror = () => failed(open.error);
  open.onsuccess = () => done(open.result);
});
// Whoever asks for the storage is told.
opened.catch(() => undefined);

const store = async (mode: IDBTransactionMode) => (await opened).transaction("runs", mode).objectStore("runs");

function finished<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

export const keep = async (run: Kept) => finished((await store("readwrite")).put(run, "run"));
export const kept = async (): Promise<Kept | undefined> => finished((await store("readonly")).get("run"));
export const forget = async () => finished((await store("readwrite")).delete("run"));
