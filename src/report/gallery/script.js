"use strict";
// What the page can do beyond being read: find, group, mark. Everything that is shown is in the page already; texts are
// only ever set as text.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const root = document.documentElement;
  const manifest = root.dataset.manifest;
  const main = one("jobs");
  const cards = all(".card").sort((a, b) => a.dataset.n - b.dataset.n);
  const texts = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));
  const order = all(".group").map((group) => group.dataset.status);
  const words = new Map(all(".group").map((group) => [group.dataset.status, group.querySelector("h2").firstChild.data.trim()]));
  const told = one("told");
  const tell = (text) => { told.textContent = text; };

  // Storage: pages from a disk may have none.
  const shelf = (() => {
    try {
      localStorage.setItem("shotlist", "1");
      localStorage.removeItem("shotlist");
      return localStorage;
    } catch {
      return null;
    }
  })();
  const shelved = (name, fallback) => {
    try {
      return JSON.parse(shelf.getItem(name)) ?? fallback;
    } catch {
      return fallback;
    }
  };
  const keep = (name, value) => {
    try {
      shelf.setItem(name, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  };

  // Marks: one for each take, by its name.
  const shelfName = `shotlist marks ${manifest}`;
  const takeOf = (card) => [card.id.slice("job-".length), Number(card.dataset.take), card.dataset.task ?? null];
  const nameOf = (take) => JSON.stringify(take);
  const markable = new Map(cards.filter((card) => card.dataset.take).map((card) => [nameOf(takeOf(card)), card]));
  const marks = new Map();
  let unsaved = false;
  const isMark = (mark) => mark !== null && typeof mark === "object" && ["keep", "redo", "none"].includes(mark.mark);

  const put = (name, mark, note) => {
    if (mark === "none" && note === "") marks.delete(name);
    else marks.set(name, { mark, note });
  };
  const draw = (card) => {
    const { mark, note } = marks.get(nameOf(takeOf(card))) ?? { mark: "none", note: "" };
    for (const radio of all("input", card)) radio.checked = radio.value === mark;
    const field = card.querySelector("textarea");
    if (field.value !== note) field.value = note;
    if (mark === "none") delete card.dataset.mark;
    else card.dataset.mark = mark;
  };
  const read = (saved) => {
    for (const [name, found] of Object.entries(saved)) {
      if (markable.has(name) && isMark(found)) put(name, found.mark, String(found.note ?? ""));
    }
  };
  // What others have put on the shelf stays: takes of another manifest of this name, for example.
  const shelve = (names) => {
    const saved = shelved(shelfName, {});
    for (const name of names) {
      if (marks.has(name)) saved[name] = marks.get(name);
      else delete saved[name];
    }
    unsaved = !(shelf && keep(shelfName, saved));
  };

  const marking = one("marking").content;
  for (const card of markable.values()) {
    card.append(marking.cloneNode(true));
    card.querySelector("legend").textContent = `Mark ${takeOf(card)[0]}`;
    for (const radio of all("input", card)) radio.name = `mark-${card.dataset.n}`;
  }
  if (shelf) read(shelved(shelfName, {}));
  for (const [name, card] of markable) if (marks.has(name)) draw(card);

  const changed = (event) => {
    const card = event.target.closest(".card");
    if (!card || !event.target.closest(".marking")) return;
    const mark = card.querySelector(".marking input:checked")?.value ?? "none";
    const name = nameOf(takeOf(card));
    put(name, mark, card.querySelector("textarea").value);
    draw(card);
    shelve([name]);
    count();
  };
  main.addEventListener("change", changed);
  main.addEventListener("input", changed);
  addEventListener("storage", (event) => {
    if (event.key !== shelfName) return;
    marks.clear();
    read(shelved(shelfName, {}));
    for (const card of markable.values()) draw(card);
    apply();
  });
  addEventListener("beforeunload", (event) => {
    if (unsaved && marks.size > 0) event.preventDefault();
  });

  const count = () => {
    const redo = [...marks.values()].filter((mark) => mark.mark === "redo").length;
    const kept = [...marks.values()].filter((mark) => mark.mark === "keep").length;
    const where = shelf ? "" : "; this browser keeps nothing for pages from a disk: save before you leave";
    tell(`${kept} to keep, ${redo} to redo${where}`);
  };

  const saveMarks = () => {
    const found = [...markable.keys()].filter((name) => marks.has(name));
    const list = found.map((name) => {
      const [job, take, task_id] = JSON.parse(name);
      const { mark, note } = marks.get(name);
      return { job, take, task_id, mark, note: note.toWellFormed?.() ?? note };
    });
    const lines = list.map((mark) => `    ${JSON.stringify(mark)}`).join(",\n");
    const body = list.length ? `[\n${lines}\n  ]` : "[]";
    const text = `{\n  "schema": 1,\n  "type": "marks",\n  "manifest": ${JSON.stringify(manifest)},\n  "marks": ${body}\n}\n`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "marks.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    unsaved = false;
    const next = root.dataset.redo ? ` Next: ${root.dataset.redo}` : "";
    tell(`${list.length} ${list.length === 1 ? "mark" : "marks"} saved as marks.json.${next}`);
  };
  const loadMarks = async (file) => {
    let loaded;
    try {
      loaded = JSON.parse(await file.text());
    } catch {
      return tell(`${file.name} is not a file of marks`);
    }
    if (loaded?.schema !== 1 || loaded.type !== "marks" || !Array.isArray(loaded.marks)) {
      return tell(`${file.name} is not a file of marks`);
    }
    let taken = 0;
    for (const mark of loaded.marks.filter(isMark)) {
      const name = nameOf([mark.job, mark.take, mark.task_id ?? null]);
      if (!markable.has(name)) continue;
      put(name, mark.mark, String(mark.note ?? ""));
      draw(markable.get(name));
      taken += 1;
    }
    shelve(markable.keys());
    apply();
    const rest = loaded.marks.length - taken;
    tell(`${taken} marks loaded${rest ? `, ${rest} for takes that are not here` : ""}`);
  };
  one("save").addEventListener("click", saveMarks);
  one("load").addEventListener("click", () => one("file").click());
  one("file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) await loadMarks(file);
    event.target.value = "";
  });

  // Finding and grouping.
  const find = one("find");
  const apply = () => {
    const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = document.querySelector("[name=show]:checked")?.value ?? "";
    const mark = one("marked").value;
    for (const card of cards) {
      const note = marks.get(nameOf(takeOf(card)))?.note.toLowerCase() ?? "";
      const isFound = wanted.every((word) => texts.get(card).includes(word) || note.includes(word));
      const isMarked = mark === "" || (card.dataset.mark ?? (card.dataset.take ? "none" : "")) === mark;
      card.hidden = !(isFound && isMarked && (status === "" || card.dataset.status === status));
    }
    for (const group of all(".group")) {
      const shown = all(".card:not([hidden])", group).length;
      group.hidden = shown === 0;
      group.querySelector(".count").textContent = shown;
    }
    const shown = cards.filter((card) => !card.hidden).length;
    if (shown < cards.length) tell(`${shown} of ${cards.length} jobs shown`);
    else tell("");
  };
  const valueOf = (card, by) => {
    if (by === "status" || by === "model" || by === "ratio") return card.dataset[by];
    return card.querySelector(`[data-x="${by}"]`)?.textContent ?? "";
  };
  const regroup = (by) => {
    const groups = new Map(by === "status" ? order.map((status) => [status, []]) : []);
    for (const card of cards) {
      const value = valueOf(card, by);
      if (!groups.has(value)) groups.set(value, []);
      groups.get(value).push(card);
    }
    const sections = [...groups].map(([value, members], index) => {
      const section = document.createElement("section");
      const heading = document.createElement("h2");
      const number = document.createElement("span");
      const grid = document.createElement("div");
      section.className = "group";
      if (by === "status") section.dataset.status = value;
      section.setAttribute("aria-labelledby", `group-${index}`);
      heading.id = `group-${index}`;
      heading.dir = "auto";
      number.className = "count";
      grid.className = "cards";
      heading.append(`${(by === "status" ? words.get(value) : value) || "none"} `, number);
      grid.append(...members);
      section.append(heading, grid);
      return section;
    });
    main.replaceChildren(...sections);
    apply();
  };
  let waiting = 0;
  find.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 80);
  });
  one("marked").addEventListener("change", apply);
  one("group").addEventListener("change", (event) => regroup(event.target.value));
  for (const radio of all("[name=show]")) radio.addEventListener("change", apply);
  document.querySelector(".bar").addEventListener("submit", (event) => event.preventDefault());

  // Light and dark.
  const themes = { "": "as the system has it", light: "light", dark: "dark" };
  const paint = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    one("theme").setAttribute("aria-label", `Light or dark: ${themes[theme]}`);
    one("theme").title = one("theme").getAttribute("aria-label");
  };
  const saved = shelf ? shelved("shotlist theme", "") : "";
  paint(Object.hasOwn(themes, saved) ? saved : "");
  one("theme").addEventListener("click", () => {
    const names = Object.keys(themes);
    const next = names[(names.indexOf(root.dataset.theme ?? "") + 1) % names.length];
    paint(next);
    keep("shotlist theme", next);
  });

  // A video shows its first picture when it comes near: a thousand at once would be too many.
  const near = new IntersectionObserver((places) => {
    for (const { target, isIntersecting } of places) {
      if (!isIntersecting) continue;
      target.preload = "metadata";
      near.unobserve(target);
    }
  }, { rootMargin: "300px" });
  for (const video of all("video:not([poster])")) near.observe(video);

  // A plain button until a video is wanted: the controls of a thousand videos slow a page down.
  for (const video of all("video")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "play";
    button.textContent = "▶";
    button.setAttribute("aria-label", `Play ${video.closest(".card").id.slice("job-".length)}`);
    video.controls = false;
    video.after(button);
  }
  main.addEventListener("click", (event) => {
    const button = event.target.closest(".play");
    if (!button) return;
    const video = button.previousElementSibling;
    video.controls = true;
    video.focus();
    video.play();
    button.remove();
  });

  // One video at a time; all details on paper.
  document.addEventListener("play", (event) => {
    for (const video of all("video")) if (video !== event.target) video.pause();
  }, true);
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
    opened = [];
  });

  one("tools").hidden = false;
  if (marks.size > 0) count();
})();
