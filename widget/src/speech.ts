/** Speech in and out, where the browser has it. */

interface RecognitionEvent {
  results: ArrayLike<ArrayLike<{ transcript: string }>>;
}

interface Recognition {
  lang: string;
  interimResults: boolean;
  onresult: (event: RecognitionEvent) => void;
  onerror: (event: { error: string }) => void;
  onend: () => void;
  start(): void;
  stop(): void;
}

/** What is heard until now; `stop` ends it. */
export interface Dictation {
  stop(): void;
}

function recogniser(): (new () => Recognition) | undefined {
  const names = globalThis as { SpeechRecognition?: new () => Recognition; webkitSpeechRecognition?: new () => Recognition };
  return names.SpeechRecognition ?? names.webkitSpeechRecognition;
}

export function canHear(): boolean {
  return recogniser() !== undefined;
}

/** Listens until the speaker pauses. `ended` says whether it failed. */
export function listen(language: string, heard: (text: string) => void, ended: (failed: boolean) => void): Dictation {
  const Recogniser = recogniser()!;
  const recognition = new Recogniser();
  let failed = false;
  recognition.lang = language;
  recognition.interimResults = true;
  recognition.onresult = ({ results }) => heard(Array.from(results, (result) => result[0]?.transcript ?? "").join(""));
  recognition.onerror = ({ error }) => (failed = error !== "no-speech" && error !== "aborted");
  recognition.onend = () => ended(failed);
  recognition.start();
  return recognition;
}

/** A voice of this computer for the language: others would send what they read to whoever offers them. */
function voice(language: string): SpeechSynthesisVoice | undefined {
  const prefix = language.split("-")[0]!;
  const voices = globalThis.speechSynthesis?.getVoices().filter((each) => each.localService) ?? [];
  return voices.find((each) => each.lang === language) ?? voices.find((each) => each.lang.startsWith(prefix));
}

export function canSpeak(language: string): boolean {
  return voice(language) !== undefined;
}

export function speak(text: string, language: string, ended: () => void): void {
  const utterance = new SpeechSynthesisUtterance(text);
  utterance.voice = voice(language) ?? null;
  utterance.lang = language;
  utterance.onend = utterance.onerror = ended;
  speechSynthesis.cancel();
  speechSynthesis.speak(utterance);
}

export function hush(): void {
  globalThis.speechSynthesis?.cancel();
}
