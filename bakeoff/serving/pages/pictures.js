// Pictures on their way: large ones are made smaller here, and some are taken here.

const LONGEST = 2048;
const LARGE = 4000;

// What to send of a file of which `shown` is an image that was loaded, and a note about it.
export async function fitting(file, shown, most) {
  const [width, height] = [shown.naturalWidth, shown.naturalHeight];
  if (!width || (file.size <= most && Math.max(width, height) <= LARGE)) return [file, ""];
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const [small, low] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const blob = await drawn(shown, small, low);
  if (blob === null) return [file, ""];
  return [blob, `Made smaller before it was sent: ${width}×${height} to ${small}×${low}.`];
}

function drawn(source, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
}

// A button that takes pictures: a telephone's own camera, or the one of this machine.
export async function camera(button, dialog, take, failed) {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const isPhone = matchMedia("(pointer: coarse)").matches;
  button.hidden = !isPhone && !devices.some((one) => one.kind === "videoinput");
  const video = dialog.querySelector("video");
  button.addEventListener("click", async () => {
    if (isPhone) {
      const input = Object.assign(document.createElement("input"), {
        type: "file", accept: "image/*", capture: "environment",
      });
      input.addEventListener("change", () => take([...input.files]));
      input.click();
      return;
    }
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
      dialog.showModal();
      await video.play();
    } catch (error) {
      dialog.close();
      failed(`The camera cannot be used: ${error.message}.`);
    }
  });
  dialog.querySelector("#shoot").addEventListener("click", async () => {
    if (!video.videoWidth) return;
    const blob = await drawn(video, video.videoWidth, video.videoHeight);
    dialog.close();
    take([new File([blob], "photograph.jpg", { type: "image/jpeg" })]);
  });
  dialog.querySelector("#cancel").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  });
}
