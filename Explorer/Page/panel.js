// Explains what is selected: its formula, what goes in and out, what it saved, and what backward does there, in numbers.
"use strict";
const panel = (() => {
  const place = document.getElementById("panel");
  const make = (tag, className, ...content) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...content);
    return element;
  };
  const bytes = (n) => (n < 1e3 ? `${n} B` : n < 1e6 ? `${+(n / 1e3).toPrecision(3)} kB` : `${+(n / 1e6).toPrecision(3)} MB`);
  const size = (summary) => `${summary.type}[${summary.shape.join(", ")}]${summary.layout ? ", " + summary.layout : ""}`;
  const rowsOf = (pairs) => {
    const list = make("dl", "");
    for (const [name, value] of pairs) if (value) list.append(make("dt", "", name), make("dd", "", value));
    return list;
  };

  /** A number for the eye, all its digits for whoever points at it. */
  function cell(tag, value) {
    const element = make(tag, "number", view.number(value));
    element.dataset.value = value;
    element.title = value;
    return element;
  }

  /** Range and length, and the numbers themselves where they are few. */
  function numbers(title, summary, role) {
    const box = make("div", "numbers", make("h4", "", title));
    box.dataset.role = role;
    const range = `${size(summary)}: ${view.number(summary.min)} to ${view.number(summary.max)}, mean ${view.number(summary.mean)}, norm ${view.number(summary.norm)}`;
    const alone = summary.values?.length === 1;
    box.append(make("p", "range", alone ? size(summary) : range));
    if (summary.notFinite) box.append(make("p", "bad", `${summary.notFinite} values are NaN or infinite`));
    if (!summary.values) return box;
    const columns = summary.shape.length === 0 ? 1 : summary.shape.at(-1), table = make("table", "matrix"), body = make("tbody", "");
    for (let row = 0; row < summary.values.length; row += columns)
      body.append(make("tr", "", ...summary.values.slice(row, row + columns).map((value) => cell("td", value))));
    table.append(body);
    box.append(make("div", "table", table));
    if (summary.values.length > 1) { const scroll = box.lastChild; scroll.tabIndex = 0; scroll.role = "group"; scroll.ariaLabel = `${title}, values`; }
    return box;
  }

  const nameOf = (node) => (node.kind === "operator" ? `${node.name} (${node.id + 1})` : `${node.module && node.kind === "parameter" ? node.module + "." : ""}${node.name}`);

  function explain(item, count) {
    place.replaceChildren(...(layout.isBox(item) ? ofBox(item) : ofNode(item, count)));
  }

  function ofBox(box) {
    const button = make("button", "", box.open ? "close the box" : "open the box");
    button.type = "button";
    button.addEventListener("click", () => main.toggle(box));
    const parts = box.boxes.map((b) => `${b.path} (${b.type})`);
    return [make("h2", "", box.path || box.type), rowsOf([["module", box.type], ["operators", String(box.operators)], ["inside", parts.join(", ")]]), button];
  }

  function ofNode(node, count) {
    const source = model.sources[node.type] ?? model.sources[node.name];
    const content = [make("h2", "", node.name)];
    if (node.kind === "operator" && source?.formula) content.push(make("p", "formula", source.formula));
    content.push(rowsOf([
      ["number", node.kind === "operator" ? String(node.id + 1) : ""],
      ["kind", { parameter: "a parameter, which is learned", leaf: "a leaf that requires gradients", constant: "a constant: no gradient flows to it" }[node.kind]],
      ["module", node.module],
      ["this one", node.details],
      ["called at", node.call],
      ["time", node.kind === "operator" ? `forward ${node.ms.toFixed(3)} ms${node.event === undefined ? "" : `, backward ${model.events[node.event].ms.toFixed(3)} ms`}` : ""],
      ["saved", saved(node)],
    ]));
    content.push(make("h3", "", "Forward"));
    node.inputs.forEach((from, slot) => {
      if (from >= 0) content.push(numbers(`operand ${slot}: ${nameOf(model.nodes[from])}`, model.nodes[from].value, "operand"));
    });
    content.push(numbers(node.kind === "operator" ? "result" : "value", node.value, "value"));
    content.push(...backward(node, count));
    if (node.kind === "operator" && source) {
      const code = make("pre", "", make("code", "", source.code));
      code.tabIndex = 0;
      content.push(make("details", "", make("summary", "", `Source: ${source.file}`), code));
    }
    return content;
  }

  function saved(node) {
    if (node.kind !== "operator") return "";
    if (!node.saved) return "nothing: backward needs shapes alone";
    return `${node.saved.map((s) => `${s.what} ${s.shape}`).join(", ")}: ${bytes(node.saved.reduce((sum, s) => sum + s.bytes, 0))}`;
  }

  function backward(node, count) {
    const head = make("h3", "", "Backward");
    if (node.event === undefined) return node.kind === "constant" ? [] : [head, make("p", "", "No gradient reaches it.")];
    const arrivals = model.events.flatMap((event, index) => event.gradients.filter((g) => g.to === node.id).map((gradient) => ({ gradient, index, from: event.node })));
    const content = [head];
    const seen = arrivals.filter((arrival) => arrival.index < count);
    if (seen.length === 0 && arrivals.length > 0) return [head, make("p", "", `Nothing has arrived yet: ${parts(arrivals.length)} will, the first in step ${arrivals[0].index + 1}.`)];
    if (arrivals.length > 1) content.push(make("p", "", `${seen.length} of ${parts(arrivals.length)} have arrived, and add up:`));
    if (arrivals.length > 1) seen.forEach(({ gradient, from }, i) => {
      content.push(gradient.value ? numbers(`from ${nameOf(model.nodes[from])}`, gradient.value, "part")
        : make("p", "range", `${nameOf(model.nodes[from])} has added its gradient to the sum in place`));
      if (gradient.sum && i > 0) content.push(numbers(`the sum of ${i + 1}`, gradient.sum, "sum"));
    });
    if (node.event >= count) return arrivals.length > 0 ? content : [head, make("p", "", "The loss: backward begins here, with a gradient of 1.")];
    const event = model.events[node.event];
    content.push(numbers(node.kind === "operator" ? "gradient of the result, complete" : "gradient, complete", event.cotangent, "cotangent"));
    for (const gradient of event.gradients) {
      content.push(gradient.value ? numbers(`gives operand ${gradient.slot}: ${nameOf(model.nodes[gradient.to])}`, gradient.value, "gradient")
        : make("p", "range", `adds the gradient of operand ${gradient.slot}, ${nameOf(model.nodes[gradient.to])}, to what has arrived there`));
      const terms = products.of(node, gradient, event);
      if (terms) content.push(terms);
    }
    return content;
  }
  const parts = (n) => `${n} gradient${n === 1 ? "" : "s"}`;

  return { explain, make, bytes, cell };
})();
