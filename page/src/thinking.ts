// Several texts, of which the model finds one likeliest.

import { element } from "./draw";
import { ask } from "./engine";
import type { Written } from "./engine";
import type { Host } from "./host";

interface Thought { passes: { text: string; score: number | null }[]; kept: number; written: Written }

export function setUp({ tell, alone, ready, writing }: Host) {
  const get = (id: string) => document.getElementById(id)!;
  const think = async () => {
    await ready();
    const settings = writing();
    const passes = Number((get("passes") as HTMLInputElement).value);
    const feeds_back = (get("feeds-back") as HTMLSelectElement).value === "think";
    const { passes: tried, kept, written } = await ask<Thought>({ do: "think", writing: settings, passes, feeds_back });
    get("thoughts").replaceChildren(...tried.map(({ text, score }, i) => {
      const card = element("article", "", i === kept ? "pass kept" : "pass");
      const heading = element("h3", `Text ${i + 1}, seed ${settings.seed + i}${i === kept ? ": kept" : ""}`);
      const scored = score === null ? "no token" : `${score.toFixed(3)} nats a token`;
      card.append(heading, element("p", scored, "numbers"), element("blockquote", settings.prompt + text));
      return card;
    }));
    get("thought").textContent = `text ${kept + 1} is kept: ${written.tokens} tokens, fingerprint ${written.fingerprint}`;
  };
  get("think").onclick = () => tell(() => alone(think));
}
