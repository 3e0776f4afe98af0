// Files for the person.

import { element } from "./draw";

/** Gives the bytes as a file of this name. */
export function download(bytes: Uint8Array<ArrayBuffer>, name: string) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
