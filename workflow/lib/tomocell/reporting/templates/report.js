"use strict";
(() => {
  const show = (viewer, step) => {
    for (const item of viewer.querySelectorAll("[data-step]")) item.hidden = item.dataset.step !== String(step);
  };

  for (const viewer of document.querySelectorAll("[data-viewer]")) {
    const slider = viewer.querySelector("[data-slider]");
    const button = viewer.querySelector("[data-play]");
    for (const radio of viewer.querySelectorAll(".views input")) {
      radio.addEventListener("change", () => {
        for (const view of viewer.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== radio.value;
      });
    }
    if (!slider) continue;
    let timer = 0;
    const name = () => viewer.querySelector("output [data-step='" + slider.value + "']").textContent;
    const go = (step) => {
      slider.value = step;
      show(viewer, slider.value);
      slider.setAttribute("aria-valuetext", name());
    };
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      button.setAttribute("aria-pressed", "false");
      button.querySelector("[data-play-word]").textContent = "Play";
    };
    const play = () => {
      timer = setInterval(() => go((Number(slider.value) + 1) % (Number(slider.max) + 1)), 700);
      button.setAttribute("aria-pressed", "true");
      button.querySelector("[data-play-word]").textContent = "Pause";
    };
    slider.addEventListener("input", () => { stop(); go(slider.value); });
    button.addEventListener("click", () => (timer ? stop() : play()));
    go(slider.value);
  }

  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const contents = document.querySelector(".contents");
  const mark = (id) => {
    for (const [key, link] of links) {
      if (key === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    // The list may be longer than the window is high or, on a phone, wide: keep its current entry in sight.
    const link = links.get(id).getBoundingClientRect();
    const list = contents.getBoundingClientRect();
    contents.scrollBy({ left: link.left - list.left - list.width / 3, top: link.top - list.top - list.height / 2 });
  };
  const watcher = new IntersectionObserver(
    (entries) => { for (const entry of entries) if (entry.isIntersecting) mark(entry.target.id); },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) watcher.observe(section);

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
