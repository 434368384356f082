// Makes a chosen photo small and anonymous before it is sent: upright, at most `SIDE` pixels, sRGB, without metadata.

const SIDE = 1280;
const QUALITY = 0.9;
const HEIC = /^image\/hei[cf]/;

// Browsers do not name the type of every HEIC file.
export const isHeic = (file) => HEIC.test(file.type) || /\.hei[cf]$/i.test(file.name);

export const isPicture = (file) => file.type.startsWith("image/") || isHeic(file);

// A canvas with the whole photo; null where this browser cannot decode it.
export async function drawn(file) {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    const canvas = cut(bitmap, { x: 0, y: 0, width: bitmap.width, height: bitmap.height });
    bitmap.close();
    return canvas;
  } catch {
    return null;
  }
}

// A canvas with a part of a picture. Transparent pixels become white, as on the server.
export function cut(picture, { x, y, width, height }) {
  const scale = Math.min(1, SIDE / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return canvas;
}

// The file to send; its name says nothing about the shopper. Null where the canvas could not be encoded.
export async function encoded(canvas) {
  try {
    const data = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    return data && new File([data], "photo.jpg", { type: "image/jpeg" });
  } catch {
    return null;
  }
}
