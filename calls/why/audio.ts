import { after, secondsBetween } from './facts.ts';
import type { Rule, Why } from './rule.ts';

/** Of the packets of a call; from here on words are lost. */
const LOSSY = 0.05;
/** Fewer packets than this, 2 s, tell nothing. */
const FEW_PACKETS = 100;

/** RTP that did not come, did not go, or came with holes. Only the built-in endpoint sees it all. */
export const audio: Rule = (call) => {
  const { ending, answeredAt, endedAt } = call;
  const leg = call.legs.find(({ media }) => media !== undefined);
  const media = leg?.media;
  const isOver = after(secondsBetween(answeredAt, endedAt));
  if (answeredAt !== undefined && media?.received === 0) {
    return fault(
      'no_audio_from_caller',
      `Nothing was ever heard of the caller; the call ended${isOver}.`,
      [`0 RTP packets came, ${media.sent} went.`],
    );
  }
  if (ending?.reason === 'media_timeout') {
    return fault(
      'audio_stopped',
      `The caller's audio stopped, and no BYE came; the call was ended${isOver}.`,
      [
        media
          ? `${media.received} RTP packets had come.`
          : 'No packet of the caller had come for 15 s.',
      ],
    );
  }
  if (answeredAt === undefined || media === undefined) return undefined;
  if (media.sent === 0) {
    return fault(
      'no_audio_to_caller',
      `Nothing was ever sent to the caller; the call ended${isOver}.`,
      [`${media.received} RTP packets came, 0 went.`],
    );
  }
  const all = media.received + media.lost;
  if (all < FEW_PACKETS || media.lost / all < LOSSY) return undefined;
  const percent = Math.round((media.lost / all) * 100);
  return fault('lossy_line', `The line from the caller lost ${percent} % of what they said.`, [
    `${media.lost} of ${all} RTP packets were lost; jitter ${Math.round(media.jitter)} ms.`,
  ]);
};

/** Answered, and nothing of the agent's was heard before the caller hung up. */
export const greeting: Rule = ({ answeredAt, inProgressAt, endedAt, ending, missing }) => {
  if (answeredAt === undefined || inProgressAt !== undefined || missing?.length) return undefined;
  if (ending?.reason !== 'caller_hangup') return undefined;
  const waited = secondsBetween(answeredAt, endedAt) ?? 0;
  return {
    cause: 'greeting_unheard',
    layer: 'agent',
    sentence: `The caller hung up ${waited} s after the answer, before the agent's greeting.`,
    evidence: [{ text: "The agent's first audio was never sent." }],
    nextSteps:
      waited > 1
        ? ["See in the worker's log whether the voice was slow, or the machine full."]
        : [],
  };
};

function fault(cause: string, sentence: string, texts: readonly string[]): Why {
  return {
    cause,
    layer: 'media',
    sentence,
    evidence: texts.map((text) => ({ text })),
    nextSteps: [
      'See whether RTP reaches both ways: firewall, NAT (TRUNKLINE_SIP_ADVERTISED_ADDRESS), port range.',
    ],
  };
}
