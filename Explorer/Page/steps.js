// What is known after so many steps of backward: which gradients have arrived, what they add up to, what the graph still holds.
"use strict";
const steps = (() => {
  const { events, nodes } = model;

  /** The state after the first events: what the engine had then. */
  function after(count) {
    const state = { sums: new Map(), arrived: new Set(), done: new Set(), current: null, event: count > 0 ? events[count - 1] : null };
    for (const event of events.slice(0, count)) {
      if (event.node !== undefined) { state.done.add(event.node); state.sums.delete(event.node); }
      for (const gradient of event.gradients) {
        const sum = state.sums.get(gradient.to) ?? { parts: 0 };
        state.sums.set(gradient.to, { parts: sum.parts + 1, value: gradient.sum ?? gradient.value });
        state.arrived.add(`${gradient.to} ${event.node} ${gradient.slot}`);
      }
    }
    state.current = state.event?.node ?? null;
    return state;
  }

  /** How many gradients will arrive at a node. */
  const parts = nodes.map(() => 0);
  for (const event of events) for (const gradient of event.gradients) parts[gradient.to]++;

  /** The gradient that flows along an edge, or null before it does. */
  function along(edge, count) {
    const user = nodes[edge.to].event;
    if (user === undefined || user >= count) return null;
    return events[user].gradients.find((g) => g.slot === edge.slot && g.to === edge.from) ?? null;
  }

  function describe(count) {
    const event = events[count - 1];
    if (!event) return "Before backward: every value is there, no gradient yet.";
    if (event.node === undefined) return "The gradient of the loss with respect to itself is 1.";
    const node = nodes[event.node], where = node.module ? ` (${node.module})` : "";
    if (event.leaf) return `All gradients of ${node.name}${where} have arrived: the sum is added to its Grad.`;
    const to = event.gradients.map((g) => nodes[g.to].name).join(", ");
    return `${node.name}${where}: backward turns the gradient of its result into ${to ? "those of " + to : "nothing that is wanted"}.`;
  }

  return { after, along, parts, describe, count: events.length };
})();
