/** What the toy learns from: few words in few orders, so that three characters say much about the next. */
export const TOY = `the cat sat. the cat ran. the cat ate. the rat sat. the rat ran. the rat ate.
a cat ran at the rat. a rat ran. the rat ate the tea. a cat sat at the tea.
`.repeat(12);
