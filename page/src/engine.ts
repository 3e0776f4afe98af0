// Calls to the engine in its worker.

export interface Progress {
  step: number;
  steps: number;
  loss: number | null;
  training: [number, number][];
  validation: [number, number][];
  /** Steps and loss of the weights that a saved model has, once held-out text was looked at. */
  best: [number, number] | null;
}

/** A model's shape, by the core's names. */
export interface Config {
  vocab: number;
  context: number;
  width: number;
  layers: number;
  heads: number;
  kv_heads: number;
  hidden: number;
  position: string;
  rotary_base: number;
  norm: string;
  norm_epsilon: number;
  activation: string;
  mlp: string;
  residual: boolean;
  bias: boolean;
  tied: boolean;
}

export interface Started { config: Config; parameters: number; tokens: number; tokensAStep: number; steps: number }

export interface Learned {
  pieces: string[];
  counts: number[];
  positions: number[][];
  weights: Record<string, { rows: Float32Array[] }>;
}

export interface Model { config: Config; precision: string; bytes: number; ramBytes: number; pieces: string[] }

export interface Candidate {
  token: number;
  logit: number;
  bits: string;
  probability: number;
  inTopK: boolean;
  inTopP: boolean;
  drawn: number;
}

export interface Step { candidates: Candidate[]; token: number }

export interface Trace { steps: Step[]; fingerprint: string }

export interface Written { text: string; tokens: number; fingerprint: string }

export interface Writing { prompt: string; tokens: number; temperature: number; top_k: number; top_p: number; seed: number }

/** A refusal of the engine's: a sentence for the person. */
export class Refused extends Error {}

const worker = new Worker("worker.js", { type: "module" });
const waiting = new Map<number, { done: (answer: [unknown, Uint8Array]) => void; failed: (error: Error) => void }>();
let calls = 0;

worker.onmessage = ({ data: { id, answer, bytes, refused } }) => {
  const call = waiting.get(id);
  waiting.delete(id);
  if (refused) call?.failed(new Refused(answer));
  else call?.done([answer, bytes]);
};

/** Answers a request, JSON and bytes. */
export function call<Answer>(request: object, bytes = new Uint8Array()): Promise<[Answer, Uint8Array<ArrayBuffer>]> {
  return new Promise((done, failed) => {
    const id = calls++;
    waiting.set(id, { done: done as (answer: [unknown, Uint8Array]) => void, failed });
    worker.postMessage({ id, request, bytes });
  });
}

/** As `call`, without the bytes. */
export async function ask<Answer>(request: object, bytes?: Uint8Array): Promise<Answer> {
  return (await call<Answer>(request, bytes as Uint8Array<ArrayBuffer>))[0];
}

interface Described { name: string; columns: number; count: number }

/** The numbers that the run has learned so far; its weights come as bytes. */
export async function learned(): Promise<Learned> {
  const [{ weights: described, ...rest }, bytes] = await call<Omit<Learned, "weights"> & { weights: Described[] }>({ do: "learned" });
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const weights: Learned["weights"] = {};
  let at = 0;
  for (const { name, columns, count } of described) {
    const start = at;
    weights[name] = { rows: Array.from({ length: count / columns }, (_, row) => all.subarray(start + row * columns, start + (row + 1) * columns)) };
    at += count;
  }
  return { ...rest, weights };
}
