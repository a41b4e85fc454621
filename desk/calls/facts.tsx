import type { ComponentChildren } from 'preact';
import type { CallDetail } from '../../client/index.ts';
import { dayAndTime, durationWord, ingressWord, msWord, reasonWord } from '../ui/words.ts';

export function Facts({ call }: { call: CallDetail }) {
  const { agent, usage, turns } = call;
  const totals = turns.flatMap(({ latency }) => latency?.total ?? []).sort((a, b) => a - b);
  const interrupted = turns.filter((turn) => turn.interrupted).length;
  const set = call.answeredAt && Date.parse(call.answeredAt) - Date.parse(call.startedAt);
  return (
    <section class="card" aria-labelledby="facts">
      <h2 id="facts">Facts</h2>
      <dl class="facts">
        <Fact name="Began">{dayAndTime(call.startedAt)}</Fact>
        <Fact name="Way in">
          {ingressWord(call.ingress)}, {call.direction}
        </Fact>
        <Fact name="Numbers">
          {call.from ?? '–'} → {call.to ?? '–'}
        </Fact>
        <Fact name="Answered after">{set === undefined || set === '' ? '–' : msWord(set)}</Fact>
        <Fact name="Lasted">
          {call.endedAt === undefined
            ? 'goes on'
            : durationWord(Date.parse(call.endedAt) - Date.parse(call.startedAt))}
        </Fact>
        <Fact name="Ended by">
          {call.endedBy === undefined
            ? '–'
            : `${call.endedBy}: ${reasonWord(call.endReason)}${call.sipCode === undefined ? '' : ` (SIP ${call.sipCode})`}`}
        </Fact>
        <Fact name="Where it lay">{call.why?.layer ?? '–'}</Fact>
        <Fact name="Voice to voice">
          {totals.length === 0
            ? '–'
            : `median ${msWord(totals[Math.floor(totals.length / 2)] ?? 0)}, longest ${msWord(totals.at(-1) ?? 0)}`}
        </Fact>
        <Fact name="Interrupted replies">{interrupted}</Fact>
        <Fact name="Agent">
          {agent?.profile === undefined
            ? '–'
            : `${agent.profile}, version ${agent.profileVersion ?? '?'}`}
        </Fact>
        {call.legs.map(({ media, codec }, index) =>
          media === undefined ? null : (
            <Fact key={index} name={call.legs.length > 1 ? `RTP, leg ${index + 1}` : 'RTP'}>
              {rtpWord(media)}
              {codec === undefined ? '' : `, ${codec}`}
            </Fact>
          ),
        )}
        <Fact name="Record">
          {call.sealedAt === undefined ? 'not final yet' : 'final'}
          {call.missing === undefined
            ? ''
            : `, without the last word of: ${call.missing.join(', ')}`}
        </Fact>
        {usage.map((one) => (
          <Fact key={`${one.kind} ${one.model}`} name={`${one.kind}, ${one.model}`}>
            {usageWord(one)}
          </Fact>
        ))}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function rtpWord(media: Readonly<Record<string, number>>): string {
  const { received = 0, lost = 0, late = 0, sent = 0, jitter = 0 } = media;
  const share = received + lost === 0 ? 0 : (lost / (received + lost)) * 100;
  return `${received} packets in (${share.toFixed(1)} % lost, ${late} late, jitter ${jitter.toFixed(1)} ms), ${sent} out`;
}

function usageWord(usage: CallDetail['usage'][number]): string {
  const { audioSeconds, characters, inputTokens, cachedInputTokens, outputTokens } = usage;
  return [
    audioSeconds === undefined ? '' : `${audioSeconds.toFixed(1)} s of audio`,
    characters === undefined ? '' : `${characters} characters`,
    inputTokens === undefined ? '' : `${inputTokens} tokens in`,
    cachedInputTokens ? `${cachedInputTokens} of them cached` : '',
    outputTokens === undefined ? '' : `${outputTokens} out`,
  ]
    .filter((text) => text !== '')
    .join(', ');
}
