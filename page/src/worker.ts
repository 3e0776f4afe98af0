// The engine, in a thread of its own: the page stays smooth while it learns.

interface Exports {
  memory: WebAssembly.Memory;
  input(len: number): number;
  call(jsonLen: number): number;
  output(): number;
  output_len(): number;
  output_json_len(): number;
}

const loaded = WebAssembly.instantiateStreaming(fetch("engine.wasm"), {});

onmessage = async ({ data: { id, request, bytes } }: MessageEvent<{ id: number; request: object; bytes: Uint8Array }>) => {
  try {
    const engine = (await loaded).instance.exports as unknown as Exports;
    const json = new TextEncoder().encode(JSON.stringify(request));
    const at = engine.input(json.length + bytes.length);
    const input = new Uint8Array(engine.memory.buffer, at, json.length + bytes.length);
    input.set(json);
    input.set(bytes, json.length);
    const refused = engine.call(json.length);
    const output = new Uint8Array(engine.memory.buffer, engine.output(), engine.output_len()).slice();
    const split = engine.output_json_len();
    const answer = JSON.parse(new TextDecoder().decode(output.subarray(0, split)));
    const rest = output.slice(split);
    postMessage({ id, answer, bytes: rest, refused: refused !== 0 }, { transfer: [rest.buffer] });
  } catch (error) {
    postMessage({ id, answer: `the engine has stopped: reload the page (${error})`, bytes: new Uint8Array(), refused: true });
  }
};
