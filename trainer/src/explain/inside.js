// Every number behind a token: tables where there are few, pictures where there are many, and the formula of the number that is
// pointed at, with lines to what it came from. `pipsqueak explain --html` and the page in the browser share this file.

/**
 * @typedef {{ values: number[], integers?: number[], unit: number }} Row
 * @typedef {{ index: number, keyHead: number, queries: Row[], keys: Row[], values: Row[], scores: Row[], weights: Row[] }} Head
 * @typedef {{ index: number, block: number, attentionInput: Row[], heads: Head[], attended: Row[], attentionOutput: Row[],
 *   attentionResidual: Row[], mlpInput: Row[], router?: Row[], experts?: { index: number, probability: number }[], units: Row[],
 *   activated: Row[], mlpOutput: Row[], mlpResidual: Row[] }} Layer
 * @typedef {{ token: number, piece: string, logit: number, probability: number, inTopK: boolean, inTopP: boolean,
 *   drawn: number }} Candidate
 * @typedef {{ config: any, precision: string, tokens: number[], pieces: string[], tokenEmbeddings: Row[], positionVectors: Row[],
 *   embedding: Row[], layers: Layer[], finalInput: Row[], logits: Row, sampling: any, candidates: Candidate[],
 *   next: [number, string] | null, weights: { name: string, layers: number[][][] }[] }} Explanation
 * @typedef {[string, number, number]} Cell A table, a row and a column.
 * @typedef {{ text: string, from: Cell[] }} Formula
 * @typedef {{ rows: Row[], labels: string[], formula: (r: number, c: number) => Formula, element: HTMLElement,
 *   locate: (r: number, c: number) => DOMRect | null }} Grid
 */

/** The most columns that are shown as digits. */
const DIGITS_MAX = 16;
/** The most products that a formula writes out. */
const PRODUCTS_MAX = 8;
/** The most lines to one number; beyond, what it came from is only framed. */
const LINES_MAX = 32;
const SVG = "http://www.w3.org/2000/svg";

/** @param {number} x */
const n = x => x !== 0 && Math.abs(x) < 0.001 ? x.toExponential(1) : x.toFixed(3);
/** A token as it can be read: spaces and line ends have signs of their own. @param {string} piece */
export const shown = piece => piece.replaceAll(" ", "␣").replaceAll("\n", "↵").replaceAll("\t", "⇥") || "∅";

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name @param {string} [text] @param {string} [kind]
 */
function make(name, text = "", kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

/** A sum of products as far as it can be read. @param {number[]} a @param {number[]} b */
function products(a, b) {
  const written = a.slice(0, PRODUCTS_MAX).map((x, i) => `${n(x)}·${n(b[i])}`).join(" + ");
  return a.length > PRODUCTS_MAX ? `${written} + … (${a.length} products)` : written;
}

/** @param {number[]} a @param {number[]} b */
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

/** All cells of a row. @param {string} grid @param {number} r @param {number} count @param {number} [start] @returns {Cell[]} */
const all = (grid, r, count, start = 0) => Array.from({ length: count }, (_, c) => [grid, r, start + c]);

/**
 * The formulas of a layer's numbers, and of those before and behind the layers.
 * @param {Explanation} e @param {Layer} layer
 */
function formulas(e, layer) {
  const { config } = e;
  const { width, heads, kv_heads: keyHeads, hidden, latent = 0, latent_rotary: turned = 0 } = config;
  // With latent attention, a key is the latent with its rotary channels, and the value is the latent itself.
  const [size, valueSize] = latent ? [latent + turned, latent] : [width / heads, width / heads];
  const queries = heads * size;
  /** The weights of a layer, if the model is small enough to show them. @param {string} name @param {number} at */
  const weights = (name, at) => e.weights.find(one => one.name === name)?.layers[at];

  /**
   * `matrix[row] · input + bias`
   * @param {string} name @param {number} at @param {number} row @param {Row} input @param {string} grid @param {number} r
   */
  const product = (name, at, row, input, grid, r) => {
    const matrix = weights(name, at);
    const bias = weights(`${name}_bias`, at)?.[0][row];
    const sum = matrix ? `${products(input.values, matrix[row])}${bias === undefined ? "" : ` + bias ${n(bias)}`}` :
      `row ${row} of ${name} times the ${input.values.length} numbers before`;
    return { text: sum, from: all(grid, r, input.values.length), value: matrix ? dot(input.values, matrix[row]) + (bias ?? 0) : NaN };
  };

  /** @param {string} name @param {string} grid @param {Row[]} before @param {number} at */
  const normed = (name, grid, before, at) => (/** @type {number} */ r, /** @type {number} */ c) => {
    const x = before[r]?.values;
    const gain = weights(`${name}.gain`, at)?.[0][c];
    const bias = weights(`${name}.bias`, at)?.[0][c];
    if (config.norm === "None") return { text: "there is no norm: the number before", from: /** @type {Cell[]} */ ([[grid, r, c]]) };
    if (!x) return { text: "the norm of the stream before", from: [] };
    const mean = config.norm === "Layer" ? x.reduce((a, b) => a + b) / x.length : 0;
    const square = x.reduce((sum, x) => sum + (x - mean) ** 2, 0) / x.length;
    const above = mean ? `(${n(x[c])} − mean ${n(mean)})` : n(x[c]);
    return {
      text: `${above} / √(${n(square)} + ${config.norm_epsilon.toExponential(0)}) · ${gain === undefined ? "its gain" : `gain ${n(gain)}`}${bias === undefined ? "" : ` + bias ${n(bias)}`}`,
      from: all(grid, r, x.length),
    };
  };

  /** A query's or key's number, turned by its position where positions are rotary. @param {number} start @param {boolean} turns */
  const projected = (start, turns) => (/** @type {number} */ r, /** @type {number} */ c) => {
    const input = layer.attentionInput[r];
    const one = product("attention.qkv", layer.block, start + c, input, "in", r);
    const channel = c - latent;
    if (!turns || config.position !== "Rotary" || channel < 0) return one;
    if (Number.isNaN(one.value)) return { text: `${one.text}, turned by position ${r}'s angle`, from: one.from };
    const other = product("attention.qkv", layer.block, start + latent + (channel ^ 1), input, "in", r);
    const angle = r * config.rotary_base ** (-(channel & ~1) / (size - latent));
    const [x, y] = channel % 2 ? [other.value, one.value] : [one.value, other.value];
    const sum = channel % 2 ? `${n(x)}·sin + ${n(y)}·cos` : `${n(x)}·cos − ${n(y)}·sin`;
    return { text: `the pair (${n(x)}, ${n(y)}), turned by position ${r}'s angle of ${n(angle)}: ${sum}`, from: one.from };
  };

  /** Rows that each position has of what its experts add. */
  const active = layer.experts ? config.active_experts ?? 1 : 1;

  /** @param {Row[]} added @param {string} grid @param {Row[]} stream @param {string} before @param {number} [each] Rows of a position. */
  const joined = (added, grid, stream, before, each = 1) => (/** @type {number} */ r, /** @type {number} */ c) => {
    const rows = Array.from({ length: each }, (_, i) => r * each + i);
    const [parts, sum] = [rows.map(row => added[row].values[c]), stream[r].values[c]];
    const [x, from] = [parts.map(n).join(" + "), rows.map(row => /** @type {Cell} */ ([grid, row, c]))];
    if (!config.residual) return { text: `no residual connection: ${x} takes the place of what was there`, from };
    return { text: `${n(parts.reduce((left, part) => left - part, sum))} that was there + ${x}`, from: [/** @type {Cell} */ ([before, r, c]), ...from] };
  };

  const activation = (/** @type {number} */ x) => ({
    Relu: `max(0, ${n(x)})`, Silu: `${n(x)} / (1 + e^−(${n(x)}))`, Gelu: `GELU(${n(x)})`,
  })[/** @type {string} */ (config.activation)] ?? n(x);

  return {
    product, normed, projected, joined, size,
    /** The first row of a head's keys, and of its values. @param {Head} head */
    keyRow: head => queries + head.keyHead * size,
    /** @param {Head} head */
    valueRow: head => latent ? queries : queries + (keyHeads + head.keyHead) * size,
    /** @param {number} r @param {number} c */
    position: (r, c) => config.position === "Sinusoidal" ?
      { text: `${c % 2 ? "cos" : "sin"}(${r} / 10000^(${c & ~1}/${width}))`, from: [] } :
      { text: `learned for position ${r}`, from: [] },
    /** @param {Head} head @param {number} r @param {number} c */
    score: (head, r, c) => ({
      text: c > r ? "masked: a position sees nothing behind it" :
        `(${products(head.queries[r].values, head.keys[c].values)}) / √${size}`,
      from: c > r ? [] : [...all(`q${head.index}`, r, size), ...all(`k${head.index}`, c, size)],
    }),
    /** @param {Head} head @param {number} r @param {number} c */
    weight: (head, r, c) => {
      const scores = head.scores[r].values;
      const largest = Math.max(...scores);
      const sum = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
      return c > r ? { text: "masked: 0", from: [] } : {
        text: `e^(${n(scores[c])} − ${n(largest)}) / ${n(sum)}, the sum of all such`,
        from: all(`s${head.index}`, r, r + 1),
      };
    },
    /** @param {number} r @param {number} c @returns {Formula} */
    attended: (r, c) => {
      const head = layer.heads.find(head => head.index === Math.floor(c / valueSize));
      if (!head) return { text: "of a head that is not shown", from: [] };
      const column = head.values.slice(0, r + 1).map(row => row.values[c % valueSize]);
      return {
        text: `head ${head.index}: ${products(head.weights[r].values, column)}`,
        from: [...all(`w${head.index}`, r, r + 1), ...column.map((_, t) => /** @type {Cell} */ ([`v${head.index}`, t, c % valueSize]))],
      };
    },
    /** @param {number} r @param {number} c @returns {Formula} */
    activated: (r, c) => {
      const x = layer.units[r].values[c];
      return config.mlp === "Gated" ?
        { text: `${activation(x)} · ${n(layer.units[r].values[hidden + c])}`, from: [["units", r, c], ["units", r, hidden + c]] } :
        { text: activation(x), from: [["units", r, c]] };
    },
    /** A row's input of the MLP: with several active experts, each position has a row for each. @param {number} r */
    inputRow: r => Math.floor(r / active),
    active,
    /** The place of a layer's MLP among all. @param {number} r */
    mlp: r => layer.experts ? layer.block * config.experts + layer.experts[r].index : layer.block,
  };
}

/**
 * Shows an explanation, in place of what was shown before.
 * @param {HTMLElement} place @param {Explanation} e
 */
export function inside(place, e) {
  const bar = make("div", "", "inside-bar");
  const body = make("div", "", "inside-body");
  const said = make("p", "", "inside-formula");
  said.setAttribute("aria-live", "polite");
  said.textContent = "Point at a number, or move among them with Tab and the arrow keys: here stands how it came about.";
  place.classList.add("inside");
  place.replaceChildren(bar, body, said);

  const [layers, heads] = [make("select"), make("select")];
  layers.replaceChildren(...e.layers.map(({ index }) => option(`layer ${index}`, index)));
  const headsThere = e.layers[0]?.heads ?? [];
  heads.replaceChildren(...headsThere.map(({ index }) => option(`head ${index}`, index)));
  if (e.layers.length > 1) bar.append(labelled("Show ", layers));
  if (headsThere.length > 2) bar.append(labelled("Show ", heads));
  const draw = () => {
    const layer = e.layers.find(({ index }) => index === Number(layers.value));
    const some = headsThere.length > 2 ? [Number(heads.value)] : headsThere.map(({ index }) => index);
    if (layer) drawLayer(body, said, e, layer, layer.heads.filter(({ index }) => some.includes(index)));
  };
  layers.onchange = heads.onchange = draw;
  draw();
}

/** @param {string} text @param {number} value */
function option(text, value) {
  const made = make("option", text);
  made.value = String(value);
  return made;
}

/** @param {string} text @param {HTMLElement} control */
function labelled(text, control) {
  const made = make("label", text);
  made.append(control);
  return made;
}

/**
 * @param {HTMLElement} body @param {HTMLElement} said @param {Explanation} e @param {Layer} layer @param {Head[]} heads
 */
function drawLayer(body, said, e, layer, heads) {
  const f = formulas(e, layer);
  const { config } = e;
  const names = e.pieces.map((piece, i) => `${i} ${shown(piece)}`);
  const isFirst = layer.index === e.layers[0].index && layer.index === 0;
  const isLast = layer.index === config.layers * (config.loops ?? 1) - 1;
  /** @type {Map<string, Grid>} */
  const grids = new Map();
  const lines = document.createElementNS(SVG, "svg");
  lines.setAttribute("class", "inside-lines");
  lines.setAttribute("aria-hidden", "true");
  body.replaceChildren(lines);

  /** @param {string} title @param {string} text */
  const section = (title, text) => {
    const made = make("section");
    made.append(make("h3", title), make("p", text, "hint"));
    const row = make("div", "", "inside-row");
    made.append(row);
    body.append(made);
    return row;
  };
  /** @param {HTMLElement} row @param {string} id @param {string} title @param {Row[] | undefined} rows
   * @param {(r: number, c: number) => Formula} formula @param {{ columns?: string[], labels?: string[], shaded?: boolean }} [how] */
  const grid = (row, id, title, rows, formula, how = {}) => {
    if (!rows?.length) return;
    const made = drawGrid(title, rows, how.labels ?? names, how.columns, how.shaded ?? false, (r, c) => point(id, r, c));
    grids.set(id, { rows, labels: how.labels ?? names, formula, ...made });
    row.append(made.element);
  };
  /** @param {string} id @param {number} r @param {number} c */
  const point = (id, r, c) => {
    const grid = grids.get(id);
    if (!grid) return;
    const { text, from } = grid.formula(r, c);
    const row = grid.rows[r];
    const value = row?.values[c];
    const exact = row?.integers?.length ? `; in integers ${row.integers[c]} × ${row.unit.toPrecision(4)}` : "";
    said.textContent = value === undefined ? text : `${text} = ${value.toPrecision(6)}${exact}`;
    connect(body, lines, grids, [id, r, c], from);
  };

  if (isFirst) {
    const row = section("Token and position", "Each token's vector is looked up in the vocabulary, and its position adds one of its own.");
    grid(row, "token", "embedding", e.tokenEmbeddings, (r, c) => ({ text: `number ${c} of the embedding of ${names[r]}`, from: [] }));
    grid(row, "position", "position vector", e.positionVectors, f.position);
    grid(row, "stream", "what enters the layers", e.embedding, (r, c) => ({
      text: e.positionVectors.length ? `${n(e.tokenEmbeddings[r].values[c])} + ${n(e.positionVectors[r].values[c])}` : "the embedding",
      from: e.positionVectors.length ? [["token", r, c], ["position", r, c]] : [["token", r, c]],
    }));
  }
  const before = isFirst ? e.embedding : [];
  let row = section(`Layer ${layer.index}: attention`, "Each position makes a query, what it looks for; a key, what it offers; and a value, what it passes on.");
  grid(row, "in", config.norm === "None" ? "input" : "normalised input", layer.attentionInput, f.normed("attention_norm", "stream", before, layer.block));
  for (const head of heads) {
    row = section(`Head ${head.index}`, "The score of a query with each key says how much of that position's value is taken; softmax makes shares of the scores. Each row sees itself and what is before it.");
    grid(row, `q${head.index}`, "queries", head.queries, f.projected(head.index * f.size, true));
    grid(row, `k${head.index}`, "keys", head.keys, f.projected(f.keyRow(head), true));
    grid(row, `v${head.index}`, "values", head.values, f.projected(f.valueRow(head), false));
    grid(row, `s${head.index}`, "scores", head.scores, (r, c) => f.score(head, r, c), { columns: names });
    grid(row, `w${head.index}`, "shares", head.weights, (r, c) => f.weight(head, r, c), { columns: names, shaded: true });
  }
  row = section("The heads together", "What the heads took stands side by side, goes through one more matrix, and joins the stream.");
  grid(row, "heads", "taken", layer.attended, f.attended);
  grid(row, "out", "through the output matrix", layer.attentionOutput, (r, c) => f.product("attention.output", layer.block, c, layer.attended[r], "heads", r));
  grid(row, "middle", "the stream", layer.attentionResidual, f.joined(layer.attentionOutput, "out", layer.attentionResidual, "stream"));
  const labels = layer.experts?.map(({ index }, r) => `${names[f.inputRow(r)]}, expert ${index}`) ?? names;
  row = section(`Layer ${layer.index}: MLP`, "Each position on its own: a row of units, each of which lights up for one pattern and adds something when it does.");
  grid(row, "mlpin", config.norm === "None" ? "input" : "normalised input", layer.mlpInput, f.normed("mlp_norm", "middle", layer.attentionResidual, layer.block));
  grid(row, "router", "router", layer.router, (r, c) => f.product("router", layer.block, c, layer.mlpInput[r], "mlpin", r));
  grid(row, "units", config.mlp === "Gated" ? "gates, then units" : "units", layer.units, (r, c) => f.product("mlp.up", f.mlp(r), c, layer.mlpInput[f.inputRow(r)], "mlpin", f.inputRow(r)), { labels });
  grid(row, "active", `after ${config.activation}`, layer.activated, f.activated, { labels });
  grid(row, "mlpout", "what it adds", layer.mlpOutput, (r, c) => {
    const sum = f.product("mlp.down", f.mlp(r), c, layer.activated[r], "active", r);
    const expert = layer.experts?.[r];
    return expert ? { text: `expert ${expert.index}, ${n(expert.probability)} · (${sum.text})`, from: sum.from } : sum;
  }, { labels });
  grid(row, "end", "the stream", layer.mlpResidual, f.joined(layer.mlpOutput, "mlpout", layer.mlpResidual, "middle", f.active));
  if (isLast) {
    row = section("Logits", "The last position's vector is compared with one for each token of the vocabulary. A logit is the model's raw score for it.");
    const last = e.tokens.length - 1;
    grid(row, "final", config.norm === "None" ? "output" : "normalised output", e.finalInput, f.normed("final_norm", "end", layer.mlpResidual, 0));
    const name = config.tied ? "embedding" : "head";
    grid(row, "logits", "logits", [e.logits], (_, c) => f.product(name, 0, c, e.finalInput[last], "final", last), { labels: [`after ${shown(e.pieces[last])}`] });
  }
  drawChoice(section("The choice", choice(e)), e);
}

/** How the next token was chosen. @param {Explanation} e */
function choice(e) {
  const { topK, seed } = e.sampling;
  // These are f32, and would show more digits than were given.
  const [temperature, topP] = [e.sampling.temperature, e.sampling.topP].map(x => Number(x.toFixed(4)));
  const how = temperature > 0 ? `Drawn by seed ${seed} at temperature ${temperature}${topK ? `, among the ${topK} likeliest` : ""}${topP < 1 ? `, that make up ${topP} of the probability` : ""}` : "Temperature 0: the likeliest";
  return `${how}: ${e.next ? shown(e.next[1]) : "the text ends here"}.`;
}

/** @param {HTMLElement} row @param {Explanation} e */
function drawChoice(row, e) {
  const list = make("ol", "", "inside-choice");
  for (const { piece, token, logit, probability, drawn } of e.candidates.slice(0, 10)) {
    const item = make("li", "", e.next?.[0] === token ? "drawn" : drawn ? "" : "out");
    const share = make("meter");
    share.value = probability;
    share.textContent = n(probability);
    item.append(make("code", shown(piece)), share, make("span", `${(100 * probability).toFixed(1)} %, logit ${n(logit)}`));
    list.append(item);
  }
  row.append(list);
}

/**
 * A table of digits or a picture. `point` is told of the number that is pointed at.
 * @param {string} title @param {Row[]} rows @param {string[]} labels @param {string[] | undefined} columns @param {boolean} shaded
 * @param {(r: number, c: number) => void} point
 */
function drawGrid(title, rows, labels, columns, shaded, point) {
  const count = Math.max(...rows.map(({ values }) => values.length));
  const figure = make("figure");
  figure.append(make("figcaption", `${title} [${rows.length}, ${count}]`));
  const box = make("div", "", "inside-scroll");
  figure.append(box);
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", `${title}: ${rows.length} rows, ${count} columns; arrow keys move`);
  const drawn = count <= DIGITS_MAX ? digits(rows, labels, columns, count, shaded) : picture(rows, count);
  box.append(drawn.element);
  let [r, c] = [0, 0];
  const move = (/** @type {number} */ down, /** @type {number} */ across) => {
    r = Math.min(rows.length - 1, Math.max(0, down));
    c = Math.min(count - 1, Math.max(0, across));
    point(r, c);
  };
  box.onfocus = () => { if (box.matches(":focus-visible")) move(r, c); };
  box.onkeydown = event => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    move(r + step[0], c + step[1]);
  };
  box.onpointermove = box.onclick = event => {
    const at = drawn.find(event);
    if (at) move(...at);
  };
  const locate = (/** @type {number} */ r, /** @type {number} */ c) => {
    const [cell, frame] = [drawn.locate(r, c), box.getBoundingClientRect()];
    return cell && cell.left >= frame.left - 1 && cell.right <= frame.right + 1 && cell.top >= frame.top - 1 && cell.bottom <= frame.bottom + 1 ? cell : null;
  };
  return { element: figure, locate };
}

/**
 * @param {Row[]} rows @param {string[]} labels @param {string[] | undefined} columns @param {number} count @param {boolean} shaded
 */
function digits(rows, labels, columns, count, shaded) {
  const table = make("table");
  const head = table.createTHead().insertRow();
  head.append(make("td"), ...Array.from({ length: count }, (_, c) => make("th", columns?.[c] ?? String(c))));
  const lines = table.createTBody();
  rows.forEach(({ values }, r) => {
    const line = lines.insertRow();
    line.append(make("th", labels[r] ?? ""));
    for (let c = 0; c < count; c++) {
      const cell = line.insertCell();
      cell.textContent = c < values.length ? n(values[c]) : "·";
      if (shaded && c < values.length) cell.style.background = `color-mix(in srgb, var(--first) ${Math.round(60 * values[c])}%, transparent)`;
    }
  });
  /** @param {Event} event @returns {[number, number] | null} */
  const find = event => {
    const cell = /** @type {HTMLElement} */ (event.target).closest("tbody td");
    return cell instanceof HTMLTableCellElement ? [/** @type {HTMLTableRowElement} */ (cell.parentElement).sectionRowIndex, cell.cellIndex - 1] : null;
  };
  return { element: table, find, locate: (/** @type {number} */ r, /** @type {number} */ c) => lines.rows[r]?.cells[c + 1]?.getBoundingClientRect() ?? null };
}

/** Blue above zero, brown below. @param {Row[]} rows @param {number} count */
function picture(rows, count) {
  const canvas = make("canvas");
  [canvas.width, canvas.height] = [count, rows.length];
  const [across, down] = [Math.max(2, Math.min(12, Math.floor(480 / count))), Math.max(3, Math.min(14, Math.floor(280 / rows.length)))];
  [canvas.style.width, canvas.style.height] = [`${count * across}px`, `${rows.length * down}px`];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(count, rows.length);
  const largest = rows.reduce((most, { values }) => values.reduce((most, x) => Math.max(most, Math.abs(x)), most), 0) || 1;
  rows.forEach(({ values }, r) => values.forEach((x, c) => {
    image.data.set(x < 0 ? [180, 64, 10, 255 * -x / largest] : [11, 98, 196, 255 * x / largest], (r * count + c) * 4);
  }));
  context.putImageData(image, 0, 0);
  /** @param {MouseEvent} event @returns {[number, number] | null} */
  const find = event => {
    const frame = canvas.getBoundingClientRect();
    const [c, r] = [Math.floor((event.clientX - frame.left) / across), Math.floor((event.clientY - frame.top) / down)];
    return r >= 0 && r < rows.length && c >= 0 && c < count ? [r, c] : null;
  };
  const locate = (/** @type {number} */ r, /** @type {number} */ c) => {
    const frame = canvas.getBoundingClientRect();
    return new DOMRect(frame.left + c * across, frame.top + r * down, across, down);
  };
  return { element: canvas, find, locate };
}

/**
 * Frames a number and those that it came from, and draws a line from each.
 * @param {HTMLElement} body @param {SVGSVGElement} lines @param {Map<string, Grid>} grids @param {Cell} cell @param {Cell[]} from
 */
function connect(body, lines, grids, cell, from) {
  const origin = body.getBoundingClientRect();
  lines.setAttribute("width", String(origin.width));
  lines.setAttribute("height", String(body.scrollHeight));
  /** @param {Cell} cell */
  const place = ([id, r, c]) => grids.get(id)?.locate(r, c);
  /** @param {string} name @param {Record<string, number | string>} attributes */
  const shape = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    return made;
  };
  const middle = (/** @type {DOMRect} */ at) => [at.left + at.width / 2 - origin.left, at.top + at.height / 2 - origin.top];
  const frame = (/** @type {DOMRect} */ at, /** @type {string} */ kind) =>
    shape("rect", { x: at.left - origin.left, y: at.top - origin.top, width: at.width, height: at.height, class: kind });
  const target = place(cell);
  const drawn = [];
  for (const source of from) {
    const at = place(source);
    if (!at || !target) continue;
    const [[x1, y1], [x2, y2]] = [middle(at), middle(target)];
    drawn.push(frame(at, "source"));
    if (from.length <= LINES_MAX) drawn.push(shape("line", { x1, y1, x2, y2 }));
  }
  if (target) drawn.push(frame(target, "target"));
  lines.replaceChildren(...drawn);
}
