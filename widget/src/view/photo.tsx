/** A photo that goes along with the next message, where the server takes images. */

import type { VNode } from "preact";
import { useRef } from "preact/hooks";

import { Refused } from "../channel";
import type { Config } from "../wire";
import { fill, type Texts } from "../texts";
import { useView } from "./context";
import { IconButton } from "./icon";

const BYTES_PER_MB = 1_000_000;

export interface Photo {
  id: string;
  name: string;
  /** A data: address, as the page's policy may forbid blob: ones. */
  preview: string;
}

interface PhotoButtonProps {
  onPhoto: (photo: Photo) => void;
  onProblem: (sentence: string) => void;
}

export function PhotoButton({ onPhoto, onProblem }: PhotoButtonProps): VNode | null {
  const { conversation, texts } = useView();
  const input = useRef<HTMLInputElement>(null);
  const config = conversation.config;
  if (!config?.features.images) return null;

  const picked = async (): Promise<void> => {
    const file = input.current?.files?.[0];
    input.current!.value = "";
    if (!file) return;
    const problem = unfit(file, config, texts);
    if (problem) return onProblem(problem);
    try {
      const [id, preview] = await Promise.all([conversation.upload(file), dataAddress(file)]);
      onPhoto({ id, name: file.name, preview });
    } catch (error) {
      onProblem((error instanceof Refused && error.sentence) || texts.photoFailed);
    }
  };
  return (
    <>
      <input ref={input} type="file" hidden accept={config.images.types.join(",")} onChange={() => void picked()} />
      <IconButton icon="photo" label={texts.photo} onClick={() => input.current?.click()} />
    </>
  );
}

/** Why a file cannot be sent, or "". */
function unfit(file: File, { images }: Config, texts: Texts): string {
  if (!images.types.includes(file.type)) {
    return fill(texts.photoType, { types: images.types.map((type) => type.replace("image/", "")).join(", ") });
  }
  return file.size > images.bytes ? fill(texts.photoSize, { size: images.bytes / BYTES_PER_MB }) : "";
}

function dataAddress(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(file);
  });
}

export function PhotoPreview({ photo, onRemove }: { photo: Photo; onRemove: () => void }): VNode {
  const { texts } = useView();
  return (
    <div class="preview">
      <img src={photo.preview} alt={photo.name} />
      <IconButton icon="close" label={texts.photoRemove} onClick={onRemove} />
    </div>
  );
}
