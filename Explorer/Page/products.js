// For one element of a gradient, the products that it is the sum of, where an operator's formula is one that the eye can follow.
"use strict";
const products = (() => {
  const value = (id) => model.nodes[id].value;
  const at = (summary, ...index) => summary.values[index.reduce((sum, i, dim) => sum * summary.shape[dim] + i, 0)];

  // Each gives the pairs whose products add up to element [i, j] of the gradient of an operand.
  const rules = {
    LinearOp: {
      0: ({ dy, x, w }, i, j) => range(dy.shape[1]).map((o) => [at(dy, i, o), at(w, o, j)]),
      1: ({ dy, x, w }, o, j) => range(dy.shape[0]).map((n) => [at(dy, n, o), at(x, n, j)]),
      2: ({ dy }, o) => range(dy.shape[0]).map((n) => [at(dy, n, o), 1]),
    },
    MulOp: {
      0: ({ dy, w }, ...index) => [[at(dy, ...index), at(w, ...index)]],
      1: ({ dy, x }, ...index) => [[at(dy, ...index), at(x, ...index)]],
    },
  };
  const names = {
    LinearOp: ["dx = dy · W", "dW = dyᵀ · x", "db = Σ dy over the rows"],
    MulOp: ["da = dc · b", "db = dc · a"],
  };
  const range = (n) => [...Array(n).keys()];

  function of(node, gradient, event) {
    const rule = rules[node.type]?.[gradient.slot];
    if (!rule) return null;
    const dy = event.cotangent, x = value(node.inputs[0]), w = value(node.inputs[1]);
    if (![dy, x, w, gradient.value].every((s) => s?.values)) return null;
    if (node.type === "MulOp" && String(x.shape) !== String(w.shape)) return null; // a broadcast is summed over, too
    const lines = [];
    const shape = gradient.value.shape;
    gradient.value.values.forEach((result, place) => {
      const index = shape.length === 2 ? [Math.floor(place / shape[1]), place % shape[1]] : [place];
      const terms = rule({ dy, x, w }, ...index);
      const line = panel.make("p", "product", `[${index.join(", ")}]: ${terms.map(([a, b]) => `${view.number(a)}·${view.number(b)}`).join(" + ")} = ${view.number(result)}`);
      line.dataset.sum = terms.reduce((sum, [a, b]) => sum + a * b, 0);
      line.dataset.result = result;
      lines.push(line);
    });
    return panel.make("details", "products", panel.make("summary", "", `${names[node.type][gradient.slot]}, product by product`), ...lines);
  }

  return { of };
})();
