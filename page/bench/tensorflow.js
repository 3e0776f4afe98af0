// A GPT-2 in TensorFlow.js, of the shape that it is given: the page's model, for a race.
//
// Token embeddings by a product with one-hot rows where the backend has no kernel for the gradient of a look-up.

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

const SEED = 1;

function parametersOf({ vocab, context, width, layers, hidden }) {
  let seed = SEED;
  const random = (...shape) => tf.variable(tf.randomNormal(shape, 0, 0.02, "float32", seed++));
  const constant = (value, ...shape) => tf.variable(tf.fill(shape, value));
  const linear = (inputs, outputs) => ({ weight: random(inputs, outputs), bias: constant(0, outputs) });
  const norm = () => ({ gain: constant(1, width), bias: constant(0, width) });
  const layer = () => ({ attentionNorm: norm(), qkv: linear(width, 3 * width), output: linear(width, width),
    mlpNorm: norm(), up: linear(width, hidden), down: linear(hidden, width) });
  return { embedding: random(vocab, width), positions: random(context, width), finalNorm: norm(), layers: Array.from({ length: layers }, layer) };
}

/** x `[rows, inputs]`. */
const apply = ({ weight, bias }, x) => tf.add(tf.matMul(x, weight), bias);

function normed({ gain, bias }, x) {
  const { mean, variance } = tf.moments(x, -1, true);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), gain), bias);
}

/** By tanh, as GPT-2 has it. */
function gelu(x) {
  const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.mul(x, x)))));
  return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(inner)));
}

function attention(layer, x, mask, { batch, context, width, heads }) {
  const head = width / heads;
  const split = x => tf.transpose(tf.reshape(x, [batch, context, heads, head]), [0, 2, 1, 3]);
  const [q, k, v] = tf.split(apply(layer.qkv, x), 3, -1).map(split);
  const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(head)), mask);
  const mixed = tf.matMul(tf.softmax(scores), v);
  return apply(layer.output, tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch * context, width]));
}

function lossOf(parameters, shape, mask, embed, inputs, targets) {
  const { batch, context, vocab, width } = shape;
  const tokens = embed(parameters.embedding, inputs);
  let x = tf.reshape(tf.add(tf.reshape(tokens, [batch, context, width]), parameters.positions), [batch * context, width]);
  for (const layer of parameters.layers) {
    x = tf.add(x, attention(layer, normed(layer.attentionNorm, x), mask, shape));
    x = tf.add(x, apply(layer.down, gelu(apply(layer.up, normed(layer.mlpNorm, x)))));
  }
  const logits = tf.matMul(normed(parameters.finalNorm, x), parameters.embedding, false, true);
  return tf.losses.softmaxCrossEntropy(tf.oneHot(targets, vocab), logits);
}

/** Whether the backend can say how a look-up changes with its table. */
function looksUp(shape) {
  try {
    tf.tidy(() => tf.grad(table => tf.sum(tf.gather(table, tf.tensor1d([0, 1], "int32"))))(tf.ones([2, shape.width])).dataSync());
    return true;
  } catch {
    return false;
  }
}

/** Makes ready to train by the backend; returns a function that takes `count` steps, and resolves to their times and last loss. */
globalThis.prepare = async (backend, shape, text) => {
  setWasmPaths("./");
  if (!await tf.setBackend(backend)) throw new Error(`TensorFlow.js has no backend ${backend}`);
  await tf.ready();
  const { batch, context, vocab } = shape;
  const parameters = parametersOf(shape);
  const [keys, queries] = [0, 1].map(axis => tf.expandDims(tf.range(0, context), axis));
  const later = tf.greater(keys, queries);
  const mask = tf.keep(tf.mul(tf.cast(later, "float32"), -1e9));
  const gathers = looksUp(shape);
  const embed = gathers ? tf.gather : (table, tokens) => tf.matMul(tf.cast(tf.oneHot(tokens, vocab), "float32"), table);
  const optimizer = tf.train.adam(1e-3);
  let at = 0;
  const window = () => {
    at = (at + 7919) % (text.length - batch * context - 1);
    return [0, 1].map(shift => tf.tensor1d(Int32Array.from(text.slice(at + shift, at + shift + batch * context), x => x % vocab), "int32"));
  };
  const step = async () => {
    const begun = performance.now();
    const [inputs, targets] = window();
    const loss = optimizer.minimize(() => lossOf(parameters, shape, mask, embed, inputs, targets), true);
    const [value] = await loss.data();
    tf.dispose([inputs, targets, loss]);
    return { milliseconds: performance.now() - begun, loss: value };
  };
  globalThis.steps = async count => {
    const times = [];
    for (let i = 0; i < count; i++) times.push(await step());
    return times;
  };
  return gathers;
};
