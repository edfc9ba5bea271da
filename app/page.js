() => {
  // Gradio only shows the name of a group of radio buttons, and makes each button a group of its own.
  const name = () => document.querySelectorAll("fieldset").forEach((set) => {
    const label = set.querySelector("[data-testid=block-info]");
    if (label) set.setAttribute("aria-label", label.textContent.trim());
    set.querySelectorAll("input[type=radio]").forEach((radio, i, all) => { radio.name = all[0].name; });
  });
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
  name();

  const notice = document.createElement("div");
  notice.id = "notice";
  notice.setAttribute("role", "alert");
  document.body.append(notice);
  let end;
  const say = (sentence) => {
    notice.textContent = sentence;
    clearTimeout(end);
    end = setTimeout(() => { notice.textContent = ""; }, 15000);
  };

  // On a drop, Gradio removes the old picture first, and then takes only files whose type says that they are pictures.
  const kinds = {avif: "avif", bmp: "bmp", gif: "gif", jpg: "jpeg", jpeg: "jpeg", png: "png", tif: "tiff", tiff: "tiff", webp: "webp"};
  document.addEventListener("drop", (event) => {
    if (!event.target.closest?.(".upload-container")) return;
    const file = event.dataTransfer?.files[0];
    if (file?.type.startsWith("image/")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    event.target.dispatchEvent(new DragEvent("dragleave", {bubbles: true}));
    const kind = file && !file.type && kinds[file.name.split(".").pop().toLowerCase()];
    if (kind) { // the system does not know its type
      const dropped = new DataTransfer();
      dropped.items.add(new File([file], file.name, {type: `image/${kind}`}));
      event.target.dispatchEvent(new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: dropped}));
    } else if (file) {
      say(`“${file.name}” is not a picture that can be read here: please use a JPEG, PNG, WebP, AVIF, GIF or BMP.`);
    } else {
      say("You dropped a link, not a picture: please save the picture and drop the file.");
    }
  }, true);

  // Camera and clipboard: browsers have neither for a page that comes by plain http from another machine.
  document.documentElement.classList.toggle("insecure", !window.isSecureContext);
  const clipboard = navigator.clipboard, read = clipboard?.read;
  if (read) clipboard.read = async () => {
    const items = await read.call(clipboard);
    const found = items.some((item) => item.types.some((type) => type.startsWith("image/")));
    if (!found) say("There is no picture in the clipboard: please copy one first.");
    return items;
  };
  const refusals = {
    NotAllowedError: "The browser does not let this page use the camera or the clipboard: please allow it in the address bar.",
    NotFoundError: "There is no camera here: please upload a picture.",
    NotReadableError: "The camera cannot be used: another program may be using it.",
  };
  window.addEventListener("unhandledrejection", (event) => {
    const sentence = refusals[event.reason?.name];
    if (!sentence) return;
    event.preventDefault();
    say(sentence);
  });
}
