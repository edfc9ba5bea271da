// Runs in a live camera, whose value while it looks is the newest frame, {picture, at}, and else null. The server sets
// `answered` to the time of the frame whose answer is on the page: then another frame is taken. While answers come
// quickly two frames are under way, so that the server computes one answer while the browser draws another.
const SIDE = 320, KEPT = 640; // px of a frame, and of the picture that stays when the camera is stopped
const MOST = 15; // frames a second
const QUICK = 400; // ms; where an answer takes longer the server is busy, and one frame is under way
const PATIENCE = 3000; // ms without an answer, after which the newest frame is sent all the same
const [button, video, note] = element.querySelectorAll("button, video, p");
const canvas = document.createElement("canvas");
let camera = null, starting = false, timer, sent = 0, age = 0, underWay = [], times = [];

function shot(side, quality) { // the centred square, as the networks take it
  const { videoWidth: width, videoHeight: height } = video, least = Math.min(width, height);
  canvas.width = canvas.height = side;
  canvas.getContext("2d").drawImage(video, (width - least) / 2, (height - least) / 2, least, least, 0, 0, side, side);
  return canvas.toDataURL("image/jpeg", quality);
}

function paint() {
  button.setAttribute("aria-pressed", camera !== null);
  button.textContent = camera ? "Stop, and keep this picture" : "Live camera";
  note.textContent = "";
}

function look() {
  if (!camera) return;
  if (document.hidden || !element.offsetParent) return stop(); // of this tab of the page
  const now = Math.round(performance.now());
  underWay = [...underWay.filter((at) => now - at < PATIENCE), now];
  sent = now;
  props.value = { picture: shot(SIDE, 0.85), at: sent }; // which gradio tells the server
  plan();
}

function plan() { // when the next frame is taken
  clearTimeout(timer);
  const most = age < QUICK ? 2 : 1;
  const wait = underWay.length < most ? Math.max(1000 / MOST, age / most) : PATIENCE;
  timer = setTimeout(look, Math.max(0, sent + wait - performance.now()));
}

watch("answered", () => {
  if (!camera || !underWay.includes(props.answered)) return;
  const now = performance.now();
  age = now - props.answered;
  underWay = underWay.filter((at) => at > props.answered);
  times = [...times.filter((time) => now - time < 2000), now];
  const rate = (1000 * (times.length - 1)) / (now - times[0] || 1);
  if (times.length > 2) note.textContent = `${rate.toFixed(0)} answers a second, ${(age / 1000).toFixed(1)} s behind`;
  element.dispatchEvent(new CustomEvent("answered", { bubbles: true, detail: { sent: props.answered } }));
  plan();
});

async function start() {
  starting = true;
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "NotFoundError");
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 640 } } });
    camera.getTracks().forEach((track) => track.addEventListener("ended", () => stop()));
    video.srcObject = camera;
    paint();
    await video.play();
    look();
  } finally {
    starting = false;
  }
}

function stop(keep = true) {
  if (!camera) return;
  if (keep && video.videoWidth) trigger("stop", { picture: shot(KEPT, 0.95) });
  clearTimeout(timer);
  camera.getTracks().forEach((track) => track.stop());
  video.srcObject = camera = props.value = null;
  underWay = times = [];
  age = 0;
  paint();
}

button.addEventListener("click", () => (camera ? stop() : starting || start()));
document.addEventListener("visibilitychange", () => document.hidden && stop());
document.addEventListener("click", (event) => event.target.closest?.("[data-example], [data-scene]") && stop(false));
