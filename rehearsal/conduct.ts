import {
  type Failure,
  type Provider,
  type Service,
  Settings,
  type SettingsPatch,
} from './settings.ts';

/** How the emulators behave at the moment; changed while they run. */
export class Conduct {
  #settings: Settings;

  constructor(patch: SettingsPatch = {}) {
    this.#settings = Settings.parse({ stt: {}, llm: {}, tts: {} });
    this.change(patch);
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** What the patch leaves out stays as it is. */
  change(patch: SettingsPatch): Settings {
    const { stt, llm, tts } = this.#settings;
    this.#settings = Settings.parse({
      stt: { ...stt, ...patch.stt },
      llm: { ...llm, ...patch.llm },
      tts: { ...tts, ...patch.tts },
    });
    return this.#settings;
  }

  /** The failure that the next request of a service meets; counts it. */
  takeFailure(service: Service, provider: Provider): Failure | undefined {
    const failure = this.#settings[service].failure;
    if (!failure || (failure.provider && failure.provider !== provider)) return undefined;
    if (failure.times === undefined) return failure;
    const left = failure.times - 1;
    this.change({ [service]: { failure: left > 0 ? { ...failure, times: left } : null } });
    return failure;
  }
}
