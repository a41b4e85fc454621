/** Hz; what the bundled VAD needs too, so that one stream serves both without resampling. */
export const STT_SAMPLE_RATE = 16_000;
/** Hz of everything the agent says; OpenAI's speech has no other rate. */
export const TTS_SAMPLE_RATE = 24_000;
