"use strict";
// Fills the list of problems. Every text goes in through textContent: nothing is parsed as HTML.
(async () => {
  const PAGE = 50;
  const byId = (id) => document.getElementById(id);
  const source = byId("data");
  if (!source) return;
  if (typeof DecompressionStream === "undefined") {
    byId("status").textContent = "This browser is too old to unpack the list of problems.";
    return;
  }
  const outcomes = source.dataset.outcomes.split(",");
  const bytes = Uint8Array.from(atob(source.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const problems = JSON.parse(await new Response(stream).text()).map(problem);

  function problem([task, id, question, prompt, gold, candidate, baseline]) {
    const after = side(candidate), before = side(baseline);
    const known = before.accuracy !== null && after.accuracy !== null;
    return {
      task, id, question, prompt, gold, before, after,
      change: known ? after.accuracy - before.accuracy : 0,
      // As in the gate: a problem flips when the majority of its answers does.
      flipped: known && (before.accuracy - 0.5) * (after.accuracy - 0.5) < 0,
      growth: before.tokens && after.tokens !== null ? after.tokens / before.tokens - 1 : null,
      words: `${id} ${question}`.toLowerCase(),
    };
  }

  function side(rows) {
    const answers = rows.map(([outcome, tokens, extracted, reason, text]) =>
      ({ outcome: outcomes[outcome], tokens, extracted, reason, text }));
    const judged = answers.filter((answer) => answer.outcome !== "ERRORED");
    return {
      answers,
      accuracy: mean(judged.map((answer) => Number(answer.outcome === "CORRECT"))),
      tokens: mean(answers.map((answer) => answer.tokens).filter((count) => count !== null)),
      has: (outcome) => answers.some((answer) => answer.outcome === outcome),
    };
  }

  function mean(values) {
    return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
  }

  const filters = [
    ["Right → wrong", (p) => p.flipped && p.change < 0, (a, b) => a.change - b.change],
    ["Wrong → right", (p) => p.flipped && p.change > 0, (a, b) => b.change - a.change],
    ["Truncated", (p) => p.after.has("TRUNCATED")],
    ["Errored", (p) => p.after.has("ERRORED")],
    ["Longest growth", (p) => p.growth > 0, (a, b) => b.growth - a.growth],
    ["All", () => true],
  ].map(([name, keep, order]) => ({ name, keep, order, count: problems.filter(keep).length }));
  let chosen = filters.find((filter) => filter.count), shown = PAGE;

  function element(tag, text = "", className = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  const percent = (value) => value === null ? "–" : `${Math.round(100 * value)}%`;
  const count = (value) => value === null ? "–" : Math.round(value).toLocaleString("en");

  function growth(value) {
    if (value === null) return "";
    const rounded = Math.round(100 * value);
    return `${rounded < 0 ? "−" : "+"}${Math.abs(rounded).toLocaleString("en")}%`;
  }

  function head() {
    const line = element("div", "", "columns");
    line.append(element("span", "Problem"), ...["Accuracy", "Tokens", "Growth"].map((name) => element("span", name, "number")));
    return line;
  }

  function row(p) {
    const details = element("details", "", "problem");
    const summary = element("summary", "", "columns");
    const name = element("span", "", "name");
    name.append(element("small", `${p.task} `), p.question.slice(0, 200));
    const mark = !p.flipped ? "" : p.change < 0 ? "lost" : "gained";
    const paired = p.before.answers.length > 0;
    const accuracy = paired ? `${percent(p.before.accuracy)} → ${percent(p.after.accuracy)}` : percent(p.after.accuracy);
    const tokens = paired ? `${count(p.before.tokens)} → ${count(p.after.tokens)}` : count(p.after.tokens);
    summary.append(name, element("span", accuracy, `number ${mark}`), element("span", tokens, "number"),
      element("span", growth(p.growth), "number"));
    details.append(summary);
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) details.append(inside(p));
    });
    return details;
  }

  function inside(p) {
    const box = element("div", "", "inside");
    const sides = element("div", "", "sides");
    const lost = p.change < 0;
    sides.append(answers("Baseline", p.before.answers, (answer) => lost === (answer.outcome === "CORRECT")),
      answers("Candidate", p.after.answers, (answer) => lost !== (answer.outcome === "CORRECT")));
    box.append(element("pre", p.prompt || p.question, "question"), facts([["gold", p.gold], ["problem", p.id]]), sides);
    return box;
  }

  function facts(pairs) {
    const list = element("dl");
    for (const [key, value] of pairs) {
      const pair = element("div");
      pair.append(element("dt", key), element("dd", value));
      list.append(pair);
    }
    return list;
  }

  // One answer at a time, with a button for each sample; first the one that explains the change.
  function answers(title, all, telling) {
    const box = element("section", "", "side");
    box.append(element("h4", title));
    if (!all.length) {
      box.append(element("p", "not stored", "note"));
      return box;
    }
    const buttons = all.map((answer, place) => {
      const button = element("button", String(place + 1));
      button.type = "button";
      button.setAttribute("aria-label", `${title}, sample ${place + 1}, ${answer.outcome}`);
      button.addEventListener("click", () => show(place));
      return button;
    });
    const body = element("div");
    if (all.length > 1) box.append(...buttons);
    box.append(body);
    function show(place) {
      const answer = all[place];
      buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(other === place)));
      const given = answer.extracted === null ? "none found" : answer.extracted;
      body.replaceChildren(facts([["outcome", answer.outcome], ["answer", given],
        ["reason", answer.reason || "–"], ["tokens", count(answer.tokens)]]));
      body.append(answer.text === null ? element("p", "The text is not stored.", "note") : element("pre", answer.text));
    }
    show(Math.max(0, all.findIndex(telling)));
    return box;
  }

  function update() {
    const task = byId("task").value, words = byId("search").value.trim().toLowerCase();
    const found = problems.filter((p) => chosen.keep(p) && (!task || p.task === task) && p.words.includes(words));
    if (chosen.order) found.sort(chosen.order);
    byId("problems").replaceChildren(head(), ...found.slice(0, shown).map((p) => p.row ??= row(p)));
    const [all, count, top] = [problems.length, found.length, Math.min(shown, found.length)].map((n) => n.toLocaleString("en"));
    const part = found.length > shown ? `, ${top} of ${count} shown` : "";
    byId("status").textContent = `${chosen.name}: ${count} of ${all} problems${part}.`;
    byId("more").hidden = found.length <= shown;
  }

  function restart() {
    shown = PAGE;
    update();
  }

  filters.forEach((filter, place) => {
    const input = element("input"), label = element("label", `${filter.name} ${filter.count.toLocaleString("en")}`);
    Object.assign(input, { type: "radio", name: "filter", id: `filter-${place}`, checked: filter === chosen, disabled: !filter.count });
    label.htmlFor = input.id;
    input.addEventListener("change", () => { chosen = filter; restart(); });
    byId("filters").append(input, label);
  });
  const tasks = [...new Set(problems.map((p) => p.task))];
  const all = element("option", "all");
  all.value = "";
  byId("task").append(all, ...tasks.map((task) => element("option", task)));
  byId("task").parentElement.hidden = tasks.length < 2;
  byId("task").addEventListener("change", restart);
  byId("search").addEventListener("input", restart);
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll(".provenance")) details.open = true;
  });
  byId("more").addEventListener("click", () => { shown += PAGE; update(); });
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").hidden = false;
  update();
})();
