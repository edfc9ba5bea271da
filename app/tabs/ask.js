// Runs in the hidden component whose value, {scene: [keys], question: key}, says what a visitor has clicked: buttons
// with data-scene put a picture into the scene or take it out, buttons with data-ask ask, data-clear empties the scene.
const MOST = 4;
const inside = (selector) => document.querySelectorAll(`#asking ${selector}`);

function paint() {
  const { scene = [], question = "" } = props.value ?? {};
  inside("button[data-scene]").forEach((button) => {
    const place = scene.indexOf(button.dataset.scene);
    button.setAttribute("aria-pressed", place >= 0);
    button.dataset.place = place >= 0 ? place + 1 : "";
  });
  inside("button[data-ask]").forEach((button) => {
    button.setAttribute("aria-pressed", button.dataset.ask === question);
  });
}

let last = null; // the button that has the focus, so that an answer that replaces it gives the focus back
document.addEventListener("focusin", (event) => {
  const data = event.target.dataset ?? {};
  const name = ["scene", "ask"].find((key) => data[key]);
  last = name && event.target.closest("#asking") ? `button[data-${name}="${CSS.escape(data[name])}"]` : null;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#asking button[data-scene], #asking button[data-ask], #asking button[data-clear]");
  if (!button) return;
  let { scene = [], question = "" } = props.value ?? {};
  if ("clear" in button.dataset) scene = [];
  else if (button.dataset.ask) question = button.dataset.ask;
  else if (scene.includes(button.dataset.scene)) scene = scene.filter((key) => key !== button.dataset.scene);
  else scene = [...scene, button.dataset.scene].slice(-MOST); // the first one leaves
  props.value = { scene, question }; // which gradio tells the server
  paint();
});

let byName = false; // the list of every class stays open when it is replaced
document.addEventListener("toggle", (event) => {
  if (event.target.matches("#asking .classes details")) byName = event.target.open;
}, true);

new MutationObserver(() => {
  paint();
  inside(".classes details").forEach((list) => { if (list.open !== byName) list.open = byName; });
  if (last && document.activeElement === document.body) inside(last)[0]?.focus({ preventScroll: true });
}).observe(document.body, { childList: true, subtree: true });
watch("value", paint);
paint();
