// For each element of a gradient, the products that it is the sum of, where an operator's formula is one that the eye can follow.
"use strict";
const products = (() => {
  const range = (n) => [...Array(n).keys()];
  const size = (shape) => shape.reduce((product, n) => product * n, 1);
  const indices = (shape) => range(size(shape)).map((place) => shape.map((n, dim) => Math.floor(place / size(shape.slice(dim + 1))) % n));
  /** The value at an index; a tensor of fewer or smaller dimensions is repeated along the others. */
  const at = (tensor, index) => {
    const missing = index.length - tensor.shape.length;
    return tensor.values[tensor.shape.reduce((place, n, dim) => place * n + (n === 1 ? 0 : index[dim + missing]), 0)];
  };
  /** Where a result depends on one element of an operand that was repeated. */
  const meets = (shape, own, index) => indices(shape).filter((place) =>
    own.every((n, dim) => n === 1 || place[dim + shape.length - own.length] === index[dim]));

  // Pairs whose products add up to element `index` of the gradient of an operand. dy, y: gradient and values of the result; x, w: operands.
  const elementwise = (slope) => ({ dy, y, x }, index) => [[at(dy, index), slope(at(x, index), y && at(y, index))]];
  const binary = (slopes) => slopes.map((slope, slot) => ({ dy, y, x, w }, index) =>
    meets(dy.shape, (slot === 0 ? x : w).shape, index).map((place) => [at(dy, place), slope(at(x, place), at(w, place), at(y, place))]));
  const reduction = (share) => ({ dy, x }, index) => {
    const kept = dy.shape.length === index.length || dy.values.length === 1;
    return kept ? [[dy.values.length === 1 ? dy.values[0] : at(dy, index), share(x, dy)]] : null;
  };
  const softmax = (x, row) => {
    const values = range(x.shape[1]).map((c) => at(x, [row, c])), most = Math.max(...values);
    const powers = values.map((v) => Math.exp(v - most)), sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((p) => p / sum);
  };

  const rules = {
    LinearOp: [
      ({ dy, w }, [i, j]) => range(dy.shape[1]).map((o) => [at(dy, [i, o]), at(w, [o, j])]),
      ({ dy, x }, [o, j]) => range(dy.shape[0]).map((n) => [at(dy, [n, o]), at(x, [n, j])]),
      ({ dy }, [o]) => range(dy.shape[0]).map((n) => [at(dy, [n, o]), 1]),
    ],
    AddOp: binary([() => 1, () => 1]),
    SubOp: binary([() => 1, () => -1]),
    MulOp: binary([(a, b) => b, (a) => a]),
    DivOp: binary([(a, b) => 1 / b, (a, b, c) => -c / b]),
    SumOp: [reduction(() => 1)],
    MeanOp: [reduction((x, dy) => dy.values.length / x.values.length)],
    CrossEntropyOp: [({ dy, x, w }, [row, c]) => [[dy.values[0] / x.shape[0], softmax(x, row)[c] - (w.values[row] === c ? 1 : 0)]]],
    relu: [elementwise((x, y) => (y > 0 ? 1 : 0))],
    square: [elementwise((x) => 2 * x)],
    sqrt: [elementwise((x, y) => 1 / (2 * y))],
    exp: [elementwise((x, y) => y)],
    log: [elementwise((x) => 1 / x)],
    tanh: [elementwise((x, y) => 1 - y * y)],
    sigmoid: [elementwise((x, y) => y * (1 - y))],
  };

  function ruleOf(node, slot) {
    // The number that a tensor is multiplied by stands in what is said about the operator.
    if (node.type === "AffineOp") {
      const scale = Number(/^y = (\S+) · x/.exec(node.details)?.[1]);
      return Number.isNaN(scale) ? null : elementwise(() => scale);
    }
    return (rules[node.type] ?? (node.type.startsWith("UnaryOp") ? rules[node.name] : null))?.[slot];
  }

  function of(node, gradient, event) {
    const rule = ruleOf(node, gradient.slot);
    if (!rule) return null;
    const tensors = { dy: event.cotangent, y: node.value, x: model.nodes[node.inputs[0]].value, w: model.nodes[node.inputs[1]]?.value };
    if (![tensors.dy, tensors.y, tensors.x, gradient.value].every((t) => t?.values) || (tensors.w && !tensors.w.values)) return null;
    const lines = [];
    for (const [place, index] of indices(gradient.value.shape).entries()) {
      const terms = rule(tensors, index), result = gradient.value.values[place];
      if (!terms) return null;
      const line = panel.make("p", "product", `[${index.join(", ")}]: ${terms.map(([a, b]) => `${view.number(a)}·${view.number(b)}`).join(" + ")} = ${view.number(result)}`);
      line.dataset.sum = terms.reduce((sum, [a, b]) => sum + a * b, 0);
      line.dataset.result = result;
      lines.push(line);
    }
    return panel.make("details", "products", panel.make("summary", "", "product by product"), ...lines);
  }

  return { of };
})();
